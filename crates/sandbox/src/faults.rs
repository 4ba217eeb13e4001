//! The switchboard's faults: which call goes wrong next, for whom, and how.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::calls::Call;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A known refusal of that call; nothing is applied.
    Refuse,
    /// 500, not applied.
    ErrorBefore,
    /// Applied, then 500.
    ErrorAfter,
    /// Applied at once, answered after `after_s`.
    Late,
    /// Applied; the connection is held without an answer, then closed.
    ApplyNeverAnswer,
    /// Not applied; the connection is held without an answer, then closed.
    Never,
    /// The connection is closed without an answer; applied after `after_s`.
    ApplyLater,
    /// Applied; the connection is cut in the middle of the answer.
    Reset,
    /// Applied; 200 with an unreadable body.
    Garbage,
    /// Not applied: Shopify's THROTTLED, the POS's 429.
    Throttle,
    /// A webhook is never sent.
    Drop,
    /// A webhook is sent twice, with the same id.
    Twice,
    /// A webhook waits until a later one has been tried, but no longer than `after_s`.
    Reorder,
}

impl Fault {
    pub const ALL: &[(Fault, &'static str)] = &[
        (Fault::Refuse, "refuse"),
        (Fault::ErrorBefore, "error_before"),
        (Fault::ErrorAfter, "error_after"),
        (Fault::Late, "late"),
        (Fault::ApplyNeverAnswer, "apply_never_answer"),
        (Fault::Never, "never"),
        (Fault::ApplyLater, "apply_later"),
        (Fault::Reset, "reset"),
        (Fault::Garbage, "garbage"),
        (Fault::Throttle, "throttle"),
        (Fault::Drop, "drop"),
        (Fault::Twice, "twice"),
        (Fault::Reorder, "reorder"),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(fault, _)| *fault)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(fault, _)| *fault == self).map_or("", |(_, name)| name)
    }

    /// All names, for an error that says what is known.
    pub fn names() -> String {
        Self::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Whether the call can go wrong in this way.
    pub fn fits(self, call: Call) -> bool {
        match self {
            Self::Late => true,
            Self::Drop | Self::Twice | Self::Reorder => call == Call::Webhook,
            _ => call != Call::Webhook,
        }
    }

    /// Seconds: the delay of `late` and `apply_later`, the time a connection is held open.
    pub fn default_after(self) -> Duration {
        Duration::from_secs(match self {
            Self::Late => 20,
            Self::ApplyLater => 5,
            Self::Reorder => 10,
            Self::ApplyNeverAnswer | Self::Never => 120,
            _ => 0,
        })
    }
}

/// A fault that is set.
#[derive(Debug, Clone)]
pub struct Rule {
    pub call: Call,
    pub fault: Fault,
    /// Only calls about this customer (POS id or number of the Shopify gid).
    pub customer: Option<String>,
    /// How many calls are left to spoil; `None`: all, until removed.
    pub left: Option<u32>,
    pub after: Duration,
}

/// A rule as the API shows it.
#[derive(Debug, Serialize)]
pub struct RuleView {
    call: &'static str,
    fault: &'static str,
    customer: Option<String>,
    /// 0: until removed.
    times: u32,
    after_s: f64,
}

impl From<&Rule> for RuleView {
    fn from(rule: &Rule) -> Self {
        Self {
            call: rule.call.name(),
            fault: rule.fault.name(),
            customer: rule.customer.clone(),
            times: rule.left.unwrap_or(0),
            after_s: rule.after.as_secs_f64(),
        }
    }
}

#[derive(Default)]
pub struct Faults {
    /// Lets a call pass without the lock while no fault is set.
    any: AtomicBool,
    rules: Mutex<Vec<Rule>>,
}

impl Faults {
    /// Sets a fault. The same call, fault and customer again replaces the earlier one; different
    /// faults of one call happen in the order in which they were set.
    pub fn set(&self, rule: Rule) {
        self.with(|rules| {
            let same = rules.iter_mut().find(|other| {
                (other.call, other.fault) == (rule.call, rule.fault)
                    && other.customer == rule.customer
            });
            match same {
                Some(other) => *other = rule,
                None => rules.push(rule),
            }
        });
    }

    /// Removes the faults of this call and kind; `None` means of any.
    pub fn clear(&self, call: Option<Call>, fault: Option<Fault>) {
        self.with(|rules| {
            rules.retain(|rule| {
                call.is_some_and(|call| rule.call != call)
                    || fault.is_some_and(|fault| rule.fault != fault)
            });
        });
    }

    pub fn list(&self) -> Vec<RuleView> {
        self.with(|rules| rules.iter().map(RuleView::from).collect())
    }

    /// The fault that spoils this call, if any; one that is limited is used up by it.
    /// `customers` is only asked when a rule needs it.
    pub fn take(
        &self,
        call: Call,
        customers: impl FnOnce() -> Vec<String>,
    ) -> Option<(Fault, Duration)> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let customers = customers();
        self.with(|rules| {
            let about = |rule: &Rule| {
                rule.customer.as_ref().is_none_or(|customer| customers.contains(customer))
            };
            let at = rules.iter().position(|rule| rule.call == call && about(rule))?;
            let found = (rules[at].fault, rules[at].after);
            match &mut rules[at].left {
                None => {}
                Some(left) if *left > 1 => *left -= 1,
                Some(_) => drop(rules.remove(at)),
            }
            Some(found)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Rule>) -> T) -> T {
        let mut rules = self.rules.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let result = work(&mut rules);
        self.any.store(!rules.is_empty(), Ordering::Release);
        result
    }
}
