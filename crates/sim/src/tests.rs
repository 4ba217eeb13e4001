//! The part of the proof that every run of the tests repeats; `cargo xtask sim` runs more of it.

use crate::{
    Failure, Fault,
    backend::InMemory,
    chance::Chance,
    mutants::{Mutant, hunt},
    own_orders::OwnOrder,
    people::{Do, Wish},
    run::{Run, Setup},
    run_with,
    script::Script,
    swarm::{Fate, Swarm},
    sweep::{Kind, TILLS, sweep},
    world::{HORIZON, WINDOW},
};
use engine::ports::Recovery;
use futures::executor::block_on;
use std::{sync::Arc, time::Duration};

#[test]
fn three_thousand_seeds_break_no_law() {
    for seed in 0..3_000 {
        if let Err(failure) = run_with(seed, Mutant::None, false) {
            panic!("seed {seed}, {failure}");
        }
    }
}

#[test]
fn a_seed_replays_to_the_byte() {
    for seed in 0..1_000 {
        let twice = [run_with(seed, Mutant::None, true), run_with(seed, Mutant::None, true)];
        assert_eq!(twice[0], twice[1], "seed {seed}");
        assert!(twice[0].as_ref().is_ok_and(|report| report.trace.len() > 1_000));
    }
}

#[test]
fn no_fault_and_no_pair_of_faults_breaks_a_law() {
    for kind in Kind::ALL {
        for (till, recovery) in TILLS {
            match sweep(kind, recovery, true) {
                Ok(swept) => assert!(swept.singles >= 16 && swept.doubles >= 100, "{swept:?}"),
                Err(broken) => panic!("{till}: {broken}\n{}", broken.failure.trace),
            }
        }
    }
}

/// `cargo xtask mutants` hunts longer, and prints where each was found.
#[test]
fn every_mistake_is_found() {
    const SEEDS: u64 = 6_000;
    /// These take minutes without optimisation.
    const RARE: [Mutant; 2] = [Mutant::ClockStandsStill, Mutant::ReplayOfForgottenRefusals];
    let common = |mutant: &&Mutant| mutant.harmless().is_none() && !RARE.contains(mutant);
    for mutant in Mutant::ALL.iter().filter(common) {
        let hunted = hunt(*mutant, |seed| seed < SEEDS);
        assert!(hunted.found.is_some(), "nobody notices in {SEEDS} seeds that {}", mutant.what());
    }
}

fn calm(recovery: Recovery, faults: &[(usize, Fault)]) -> Run {
    let backend = Arc::new(InMemory::default());
    let setup = Setup { mutant: Mutant::None, backend, trace: false };
    let script = Script::new(faults);
    Run::new(setup, Chance::new(1), Swarm::calm(), recovery, Some(script))
}

const WISH: Wish = Wish { key: 0, customer: 1, points: 500, remembered: None, taken: false };

/// A deactivation or an activation that was not answered lands minutes later. Whatever is done to
/// the coupon next, that must not undo it.
#[test]
fn what_lands_late_undoes_no_later_act() {
    let cancel = Do::Cancel { by_owner: false, notify: true };
    let mut noticed = 0;
    for acts in [[Do::Hold, Do::Release, cancel], [Do::Hold, Do::Release, Do::Hold]] {
        for call in 0..30 {
            let went = late_at(call, &acts, Mutant::None);
            assert_eq!(went.map_err(|failure| failure.breach), Ok(()), "{acts:?}, call {call}");
            noticed += u32::from(late_at(call, &acts, Mutant::StrayForgotten).is_err());
        }
    }
    assert!(noticed >= 2, "nobody would notice: {noticed}");
}

/// Acts follow each other as fast as they can, again where they find the coupon busy.
fn late_at(call: usize, acts: &[Do], mutant: Mutant) -> Result<(), Failure> {
    let setup = Setup { mutant, backend: Arc::new(InMemory::default()), trace: false };
    let script = Script::new(&[(call, Fault::Fate(Fate::Later))]);
    let till = Recovery::LookUp { horizon: HORIZON };
    let mut run = Run::new(setup, Chance::new(1), Swarm::calm(), till, Some(script));
    run.press(WISH);
    run.calm_down()?;
    let coupon = run.office.picture().issued[0].clone();
    run.arm(true);
    for act in acts {
        run.do_to(coupon.clone(), *act, None);
        run.finish_tasks()?;
    }
    run.arm(false);
    run.calm_down()
}

/// Found by seed 4394: two of the staff say that the points did not arrive. The first word has them
/// sent again, and they are in doubt once more; the second word is not about that.
#[test]
fn a_word_on_one_doubt_is_not_taken_for_the_next() {
    let mut noticed = 0;
    for (first, second) in (0..24).flat_map(|first| (0..24).map(move |after| (first, after))) {
        let faults = [
            (first, Fault::Fate(Fate::RequestLost)),
            (first + 1 + second, Fault::Fate(Fate::ReplyLost)),
        ];
        assert!(two_words(&faults, false).is_ok(), "{faults:?}");
        noticed += u32::from(two_words(&faults, true).is_err());
    }
    assert!(noticed > 0, "nobody would notice");
}

/// Both have seen the first doubt; `whenever`: their words are taken for any.
fn two_words(faults: &[(usize, Fault)], whenever: bool) -> Result<(), Failure> {
    let mut run = calm(Recovery::Review, faults);
    run.press(WISH);
    run.calm_down()?;
    let coupon = run.office.picture().issued[0].clone();
    run.arm(true);
    run.do_to(coupon, Do::Cancel { by_owner: false, notify: true }, None);
    run.finish_tasks()?;
    let doubt = {
        let picture = run.office.picture();
        let parked = picture.flows.iter().find(|(_, seen)| seen.parked.is_some());
        let reference = parked.and_then(|(_, seen)| seen.reference.as_deref());
        let lost = reference.and_then(|reference| run.world.moved(reference)) == Some(false);
        parked.filter(|_| lost).map(|(id, seen)| (*id, seen.version))
    };
    for _ in 0..2 {
        if let Some((id, version)) = doubt {
            let seen = (!whenever).then_some(version);
            run.spawn(0, run.desk(0).judge(id, seen, false));
            run.finish_tasks()?;
        }
    }
    run.arm(false);
    run.calm_down()
}

/// Found by seed 125: a process died after sending a deduction, and the next one came two days
/// later. The doubt was new, but the till had forgotten the key.
#[test]
fn a_key_is_not_replayed_when_the_sending_is_too_long_ago() {
    const DEDUCTION: usize = 5;
    let mut run = calm(Recovery::Replay { window: WINDOW }, &[(DEDUCTION, Fault::DiesAfter)]);
    run.arm(true);
    run.press(WISH);
    run.finish_tasks().unwrap();
    run.shared.advance(2 * WINDOW);
    run.calm_down().unwrap();
    assert_eq!(run.finish().parked, 1, "a person is asked instead");
}

/// Found by seed 61: a person took a case and did not decide. It was claimed for ever, and what is
/// leased is busy.
#[test]
fn a_flow_that_was_taken_for_nothing_is_let_go() {
    let mut run = calm(Recovery::Review, &[]);
    run.press(WISH);
    run.calm_down().unwrap();
    let coupon = run.office.picture().issued[0].clone();
    let id = *run.office.picture().flows.keys().next().unwrap();
    let desk = run.desk(0);
    let seized = block_on(seize(&desk, id));
    assert!(seized, "it can be taken although it is over");
    run.calm_down().unwrap();
    run.do_to(coupon, Do::Hold, None);
    run.calm_down().unwrap();
    assert_eq!(run.finish().done, 2, "the coupon is free for another act");
}

/// Found by seed 99: an order of another channel took a coupon that an order of Shopify's had used.
/// The news came while it was taken, and later nobody told the metafield.
#[test]
fn a_coupon_used_while_another_order_takes_it_is_told_as_used() {
    let till = Recovery::LookUp { horizon: HORIZON };
    let mut run = calm(till, &[]);
    run.press(WISH);
    run.calm_down().unwrap();
    let coupon = run.office.picture().issued[0].clone();
    run.redeem(&coupon);
    let own = OwnOrder { order: 1_000_000, customer: 1, coupons: vec![coupon], credit: 0 };
    run.place_this(&own, 1);
    run.calm_down().unwrap();
    assert_eq!(run.finish().failed, 1, "the order of the other channel");
}

async fn seize(desk: &crate::people::Desk, id: domain::FlowId) -> bool {
    let now = desk.engine.clock.now();
    let store = &desk.engine.store;
    let mut seizing = store.seize(id, now, Duration::from_secs(60));
    loop {
        if let std::task::Poll::Ready(row) = futures::poll!(&mut seizing) {
            return row.is_ok_and(|row| row.is_some());
        }
    }
}
