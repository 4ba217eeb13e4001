//! `shop` and `currentAppInstallation`.

use super::execute::View;
use super::graphql::{Field, Object, Out};
use crate::Options;

const SCOPES: &[(&str, &str)] = &[
    ("read_discounts", "Read discounts"),
    ("write_discounts", "Write discounts"),
    ("read_customers", "Read customers"),
    ("write_customers", "Write customers"),
    ("read_orders", "Read orders"),
    ("write_orders", "Write orders"),
    ("read_store_credit_accounts", "Read store credit accounts"),
    ("write_store_credit_account_transactions", "Write store credit account transactions"),
    ("read_customer_merge", "Read customer merge"),
    ("write_customer_merge", "Write customer merge"),
];

/// All scopes, as the token endpoint lists them.
pub fn scopes() -> String {
    SCOPES.iter().map(|(handle, _)| *handle).collect::<Vec<_>>().join(",")
}

pub fn shop(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    out.object(&Shop(&view.sandbox.inner.options), field);
}

pub fn app_installation(field: &Field, out: &mut Out<'_>) {
    out.object(&AppInstallation, field);
}

struct Shop<'a>(&'a Options);

impl Object for Shop<'_> {
    fn type_name(&self) -> &'static str {
        "Shop"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "id" => out.gid("Shop", 1),
            "name" => out.text(&self.0.shop_name),
            "myshopifyDomain" => out.text(&self.0.shop_domain),
            "currencyCode" => out.text(&self.0.currency),
            "ianaTimezone" => out.text(&self.0.timezone),
            _ => out.unanswered("Shop", field),
        }
    }
}

struct AppInstallation;

impl Object for AppInstallation {
    fn type_name(&self) -> &'static str {
        "AppInstallation"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "id" => out.gid("AppInstallation", 1),
            "accessScopes" => {
                out.objects(SCOPES.iter().map(|(handle, what)| AccessScope(handle, what)), field);
            }
            _ => out.unanswered("AppInstallation", field),
        }
    }
}

struct AccessScope(&'static str, &'static str);

impl Object for AccessScope {
    fn type_name(&self) -> &'static str {
        "AccessScope"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "handle" => out.text(self.0),
            "description" => out.text(self.1),
            _ => out.unanswered("AccessScope", field),
        }
    }
}
