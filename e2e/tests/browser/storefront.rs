//! A customer turns points into a coupon and uses it.

use crate::{demo::Demo, page::Page};
use serde_json::Value;
use thirtyfour::Key;

const RESULT: &str = "w.querySelector('.result')";
const CODE: &str = "return w.querySelector('.result code').textContent";

fn is_a_code(text: &Value, points: &str) -> bool {
    let text = text.as_str().unwrap_or_default();
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), ["70934", middle, end]
        if middle.len() == 6 && *end == points
            && middle.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
}

fn deductions(books: &Value) -> usize {
    books["points"]["12345"]["movements"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn points_become_a_coupon_that_is_used_once() -> anyhow::Result<()> {
    let (demo, page) = (Demo::start()?, Page::open(390, false).await?);
    page.sign_in(&demo.base, 0).await?;
    page.screenshot("shop-390-ja").await?;
    let balance = page.widget("return w.querySelector('.big').textContent").await?;
    assert_eq!(balance, "1,250 ポイント");
    page.press(".chips button[aria-pressed=true]").await?;
    // Twice at once, as an impatient thumb does.
    page.widget("const b = w.querySelector('form .pri'); b.click(); b.click()").await?;
    page.until(RESULT).await?;
    let code = page.widget(CODE).await?;
    assert!(is_a_code(&code, "500"), "{code}");
    let focused = page.widget("return w.activeElement.textContent").await?;
    assert_eq!(focused, "クーポンができました");
    page.screenshot("shop-result-390-ja").await?;
    let books = demo.books().await?;
    assert_eq!((deductions(&books), &books["points"]["12345"]["balance"]), (1, &Value::from(750)));
    page.press(".result button").await?;
    page.until("w.querySelector('.result button').textContent === 'コピーしました'").await?;

    let buy = |code: &str| {
        format!(
            "document.querySelector('[name=code]').value = '{code}'; \
             document.querySelector('#checkout').requestSubmit();"
        )
    };
    let code = code.as_str().unwrap_or_default();
    page.script(&buy(code)).await?;
    page.until("document.querySelector('#bought').textContent.includes('¥2500')").await?;
    page.script(&buy(code)).await?;
    page.until("document.querySelector('#bought').textContent.includes('使用済み')").await?;
    page.script("document.querySelector('#sign-out').click()").await?;
    page.sign_in(&demo.base, 1).await?;
    page.script(&buy(code)).await?;
    page.until("document.querySelector('#bought').textContent.includes('別のお客様')").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_shows_confirming_and_then_the_coupon_even_over_a_reload()
-> anyhow::Result<()> {
    let (demo, page) = (Demo::start()?, Page::open(1280, false).await?);
    page.sign_in(&demo.base, 0).await?;
    demo.fault("pos.deduct", "reset").await?;
    demo.latency("pos.lookup", 2500).await?;
    page.press("form .pri").await?;
    page.until("w.querySelector('.confirming')").await?;
    page.screenshot("shop-confirming-1280-ja").await?;
    page.driver.refresh().await?;
    page.until(RESULT).await?;
    assert!(is_a_code(&page.widget(CODE).await?, "500"));
    let books = demo.books().await?;
    assert_eq!((deductions(&books), &books["points"]["12345"]["balance"]), (1, &Value::from(750)));
    page.screenshot("shop-result-1280-ja").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_are_said_before_the_error() -> anyhow::Result<()> {
    let (demo, page) = (Demo::start()?, Page::open(360, false).await?);
    page.sign_in(&demo.base, 0).await?;
    assert!(page.fits().await?, "no sideways scrolling at 360 px");
    for (typed, says) in
        [("50", "100 ポイント以上"), ("150", "100 ポイント単位"), ("1300", "残高"), ("", "数字")]
    {
        let enter = format!(
            "const i = w.querySelector('input'); i.value = '{typed}'; \
             i.dispatchEvent(new Event('input')); \
             return [w.querySelector('#e').textContent, w.querySelector('form .pri').disabled]"
        );
        let told = page.widget(&enter).await?;
        let text = told[0].as_str().unwrap_or_default().replace(' ', "");
        assert!(text.contains(&says.replace(' ', "")), "{typed}: {text}");
        assert_eq!(told[1], Value::Bool(true), "{typed}");
    }
    assert_eq!(deductions(&demo.books().await?), 0);
    page.sign_in(&demo.base, 1).await?;
    page.screenshot("shop-360-ja-300-points").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_coupon_is_taken_back_and_the_points_are_seen_to_return() -> anyhow::Result<()> {
    let (demo, page) = (Demo::start()?, Page::open(390, false).await?);
    page.sign_in(&demo.base, 0).await?;
    page.press("form .pri").await?;
    page.until(RESULT).await?;
    page.until("w.querySelector('.top .big').textContent === '750 ポイント'").await?;
    // Asked twice, and the focus lies on the way out.
    page.press(".coupons .undo").await?;
    page.until("w.activeElement.textContent === '閉じる'").await?;
    page.screenshot("shop-undo-390-ja").await?;
    page.press(".coupons .undo-yes").await?;
    page.until("w.querySelector('.top .big').textContent === '1,250 ポイント'").await?;
    // The code that was just shown is not offered any more.
    assert_eq!(page.widget("return w.querySelector('.result') === null").await?, true);
    let said = page.widget("return w.querySelector('.coupons [role=status]').textContent").await?;
    assert_eq!(said, "取り消しました。ポイントが戻りました。");
    let pair = "return [...w.querySelectorAll('.pair .n')].map((n) => n.textContent).join(' ')";
    assert_eq!(page.widget(pair).await?, "+500 -500");
    page.screenshot("shop-undone-390-ja").await?;
    let books = demo.books().await?;
    assert_eq!((deductions(&books), &books["coupons"][0]["live"]), (2, &Value::from(false)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_that_nothing_changed() -> anyhow::Result<()> {
    let (demo, page) = (Demo::start()?, Page::open(390, true).await?);
    page.sign_in(&demo.base, 0).await?;
    page.screenshot("shop-390-dark").await?;
    demo.fault("pos.deduct", "throttle").await?;
    page.press("form .pri").await?;
    page.until("w.querySelector('.failed')").await?;
    page.screenshot("shop-failed-390-dark").await?;
    assert_eq!(deductions(&demo.books().await?), 0);
    page.press(".failed .pri").await?;
    page.until(RESULT).await?;
    assert_eq!(deductions(&demo.books().await?), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_by_keyboard_and_in_english() -> anyhow::Result<()> {
    let (demo, page) = (Demo::start()?, Page::open(1280, false).await?);
    page.sign_in(&demo.base, 0).await?;
    page.script("document.querySelector('#language').click()").await?;
    page.until("w.querySelector('form .pri').textContent === 'Convert'").await?;
    page.screenshot("shop-1280-en").await?;
    page.widget("w.querySelector('input').focus(); w.querySelector('input').select()").await?;
    let keys = page.driver.action_chain().send_keys("300").send_keys(Key::Enter + "");
    keys.perform().await?;
    page.until(RESULT).await?;
    assert!(is_a_code(&page.widget(CODE).await?, "300"));
    let title = page.widget("return w.activeElement.textContent").await?;
    assert_eq!(title, "Your coupon is ready");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switchboard_breaks_the_till_and_shows_the_books() -> anyhow::Result<()> {
    let (demo, page) = (Demo::start()?, Page::open(1280, false).await?);
    page.driver.goto(format!("{}/sandbox", demo.base)).await?;
    page.until("document.querySelector('#calls').options.length > 5").await?;
    page.script("document.querySelector('#quick button').click()").await?;
    page.until("document.querySelector('#active').textContent.includes('apply_never_answer')")
        .await?;
    page.until("document.querySelector('#points').textContent.includes('1,250')").await?;
    page.screenshot("sandbox-1280").await?;
    page.resize(390, 1000).await?;
    assert!(page.fits().await?, "no sideways scrolling on a phone");
    page.screenshot("sandbox-390").await
}
