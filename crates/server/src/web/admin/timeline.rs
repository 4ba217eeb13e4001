//! The steps of a coupon's flows in words, as `admin/timeline.html` shows them.

use super::Page;
use crate::web::api::coupon::StepBody;

/// A movement of points, beside its counterpart.
pub struct Move {
    pub points: String,
    pub out: bool,
    pub reference: String,
    pub balance: Option<String>,
    pub moment: String,
    pub at: String,
}

/// A step of the timeline, as `admin/timeline.html` shows it.
pub struct Step {
    pub body: StepBody,
    pub tone: &'static str,
    pub text: String,
    pub by: String,
    pub moment: String,
    pub moves: Option<Move>,
}

/// How a step is marked.
fn tone(event: &str) -> &'static str {
    match event {
        "created"
        | "deducted"
        | "deduction_confirmed"
        | "reactivated"
        | "refunded"
        | "refund_confirmed"
        | "released"
        | "replaced"
        | "judged_applied" => "good",
        "in_review"
        | "needs_a_person"
        | "will_not_die"
        | "will_not_reactivate"
        | "not_replaced"
        | "usage_unknown"
        | "used_meanwhile"
        | "refund_refused" => "critical",
        "deduction_in_doubt" | "doubt_lasts" | "refund_in_doubt" | "refund_not_let_in"
        | "not_recorded" | "kill_unclear" | "revival_unclear" | "kill_refused"
        | "creation_given_up" | "replacement_owed" | "held" => "warning",
        _ => "",
    }
}

/// What the step moved.
pub fn movement(page: &Page, step: &StepBody) -> Option<Move> {
    let points = step.points?;
    Some(Move {
        points: page.signed(&points),
        out: points < 0,
        reference: step.reference.clone().unwrap_or_default(),
        balance: step.balance.map(|balance| page.number(&balance)),
        moment: page.moment_of(&step.at),
        at: step.at.clone(),
    })
}

/// A step in words.
pub fn step(page: &Page, body: StepBody) -> Step {
    let name = match body.event.as_str() {
        "accepted" => format!("step-accepted-{}", body.kind),
        event => format!("step-{}", event.replace('_', "-")),
    };
    let by = body.by.as_deref().map(|by| page.actor(by)).unwrap_or_default();
    Step {
        tone: tone(&body.event),
        text: page.language.known(&name).unwrap_or_else(|| body.event.clone()),
        by,
        moment: page.moment_of(&body.at),
        moves: movement(page, &body),
        body,
    }
}
