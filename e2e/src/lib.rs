//! Browser tests live in `tests/`: they drive the real binary in headless Chromium.
