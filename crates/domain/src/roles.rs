//! What each role may do: one matrix, asked by the pages and the API alike.

use serde::{Deserialize, Serialize};

/// What a staff member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// General staff.
    Viewer,
    StoreManager,
    EcAdmin,
    SystemAdmin,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Coupons, orders, customers and their history.
    See,
    /// Cancel a coupon, hold or release one, revert an order.
    Cancel,
    /// Approve above the four-eyes threshold; never one's own.
    Approve,
    /// Give points, take some by hand, make a lot good for longer.
    Grant,
    /// Write down an order of another channel, with what pays for it.
    PlaceOrder,
    /// Settle a review.
    Settle,
    /// Bulk runs.
    Bulk,
    Export,
    /// Confirm a hold and give the points back.
    ReleaseWithRefund,
    /// Merge two customers, take a person out of the books.
    People,
    /// Rules, credentials, the emergency stop.
    Configure,
    /// Staff accounts.
    ManageStaff,
}

/// The least role for each act.
const LEAST: [(Act, Role); 12] = [
    (Act::See, Role::Viewer),
    (Act::Cancel, Role::StoreManager),
    (Act::Approve, Role::StoreManager),
    (Act::Grant, Role::EcAdmin),
    (Act::PlaceOrder, Role::EcAdmin),
    (Act::Settle, Role::EcAdmin),
    (Act::Bulk, Role::EcAdmin),
    (Act::Export, Role::EcAdmin),
    (Act::ReleaseWithRefund, Role::SystemAdmin),
    (Act::People, Role::SystemAdmin),
    (Act::Configure, Role::SystemAdmin),
    (Act::ManageStaff, Role::SystemAdmin),
];

impl Act {
    /// As the API and the tokens name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Act::See => "see",
            Act::Cancel => "cancel",
            Act::Approve => "approve",
            Act::Grant => "grant",
            Act::PlaceOrder => "place_order",
            Act::Settle => "settle",
            Act::Bulk => "bulk",
            Act::Export => "export",
            Act::ReleaseWithRefund => "release_with_refund",
            Act::People => "people",
            Act::Configure => "configure",
            Act::ManageStaff => "manage_staff",
        }
    }
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Viewer, Role::StoreManager, Role::EcAdmin, Role::SystemAdmin];

    pub fn may(self, act: Act) -> bool {
        LEAST.iter().any(|(of, least)| *of == act && self >= *least)
    }

    /// Everything that the role may do.
    pub fn acts(self) -> impl Iterator<Item = Act> {
        LEAST.iter().filter(move |(_, least)| self >= *least).map(|(act, _)| *act)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::StoreManager => "store_manager",
            Role::EcAdmin => "ec_admin",
            Role::SystemAdmin => "system_admin",
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix() {
        use Act::*;
        for (act, viewer, manager, ec, system) in [
            (See, true, true, true, true),
            (Cancel, false, true, true, true),
            (Approve, false, true, true, true),
            (Grant, false, false, true, true),
            (PlaceOrder, false, false, true, true),
            (Settle, false, false, true, true),
            (Bulk, false, false, true, true),
            (Export, false, false, true, true),
            (ReleaseWithRefund, false, false, false, true),
            (People, false, false, false, true),
            (Configure, false, false, false, true),
            (ManageStaff, false, false, false, true),
        ] {
            let may = Role::ALL.map(|role| role.may(act));
            assert_eq!(may, [viewer, manager, ec, system], "{act:?}");
        }
    }

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
        for act in Role::SystemAdmin.acts() {
            assert_eq!(serde_json::to_value(act).unwrap(), act.as_str());
        }
    }
}
