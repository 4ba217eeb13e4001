//! `webhookSubscriptions`, `webhookSubscriptionCreate`, `webhookSubscriptionDelete`.
//!
//! The target that the app's own configuration names is shown as a subscription to every topic.

use std::io;

use serde_json::Value;

use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Field, Object, Out, Variables, gid};
use super::order_view::time;
use super::user_error::{Shown, UserError};
use crate::acts::Act;
use crate::books::{Books, Entry, Subscription, Topic};

/// Numbers of the subscriptions that the target stands for: below all others.
const FIRST_OF_TARGET: u64 = 1_380_000_000_001;

pub enum Done {
    Created(Subscription),
    Deleted(u64),
    Refused(UserError),
}

/// The target's, then those made through the API.
fn all(books: &Books) -> Vec<Subscription> {
    let target = books.webhooks.target.url.iter().flat_map(|uri| {
        let topics = Topic::ALL.iter().filter(|topic| topic.subscribable());
        topics.zip(FIRST_OF_TARGET..).map(|(topic, id)| Subscription {
            id,
            topic: *topic,
            uri: uri.clone(),
            created_at: 0,
        })
    });
    target.chain(books.webhooks.subscriptions.values().cloned()).collect()
}

pub fn list(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let topics = field.argument("topics", out.variables).map(std::borrow::Cow::into_owned);
    let topics = topics.as_ref().and_then(Value::as_array);
    let uri = field.text("uri", out.variables);
    let mut found = all(view.books);
    found.retain(|of| {
        let named = |name: &Value| name.as_str() == Some(of.topic.name());
        topics.is_none_or(|topics| topics.iter().any(named)) && (uri.is_empty() || uri == of.uri)
    });
    if field.flag("reverse", out.variables) {
        found.reverse();
    }
    let nodes = found.into_iter();
    let nodes = nodes.map(|of| (of.id.to_string(), SubscriptionObject { of, view })).collect();
    Connection::write(ConnectionOf::WebhookSubscriptions, nodes, field, out);
}

/// # Errors
/// When the journal cannot be written.
pub fn create(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    act: &mut Act<'_>,
) -> io::Result<Done> {
    let topic = Topic::from_name(&field.text("topic", variables));
    let argument = field.argument("webhookSubscription", variables);
    let input = argument.as_deref().unwrap_or(&Value::Null);
    let given = |name: &str| input.get(name).and_then(Value::as_str);
    let uri = given("uri").or_else(|| given("callbackUrl")).unwrap_or_default().trim().to_owned();
    let wrong = match topic {
        _ if refuse => Some("Refused at the switchboard.".to_owned()),
        None => Some("Topic is not emulated".to_owned()),
        Some(topic) => problem(&uri, topic, act.open.books()),
    };
    let (Some(topic), None) = (topic, &wrong) else {
        return Ok(Done::Refused(UserError {
            field: vec!["webhookSubscription".into(), "callbackUrl".into()],
            code: None,
            message: wrong.unwrap_or_default(),
        }));
    };
    let id = act.open.books().webhooks.next_subscription();
    let new = Subscription { id, topic, uri, created_at: act.now };
    act.commit_all(vec![Entry::Subscription(new.clone())])?;
    Ok(Done::Created(new))
}

/// What is wrong with the address, as recorded. Plain HTTP is taken for this machine only, where
/// Shopify would refuse it too: else nobody could try it out.
fn problem(uri: &str, topic: Topic, books: &Books) -> Option<String> {
    let host = |rest: &str| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        host.rsplit_once(':').map_or(host, |(host, _)| host).to_lowercase()
    };
    let local = |rest| matches!(host(rest).as_str(), "localhost" | "127.0.0.1" | "[::1]");
    match uri.split_once("://") {
        _ if uri.is_empty() => return Some("Address can't be blank".into()),
        Some(("http", rest)) if local(rest) => {}
        Some(("https", rest)) => {
            let host = host(rest);
            if host.ends_with("shopify.com") || host == "localhost" || host == "127.0.0.1" {
                return Some("Address cannot be a Shopify or an internal domain".into());
            }
        }
        Some((scheme, _)) => {
            return Some(format!("Address protocol {scheme}:// is not supported"));
        }
        None => return Some("Address is invalid".into()),
    }
    let taken = all(books).iter().any(|of| of.topic == topic && of.uri == uri);
    taken.then(|| "Address for this topic has already been taken".into())
}

/// # Errors
/// When the journal cannot be written.
pub fn delete(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    act: &mut Act<'_>,
) -> io::Result<Done> {
    let id = gid(&field.text("id", variables)).map_or(0, |(_, id)| id);
    let known = act.open.books().webhooks.subscriptions.contains_key(&id);
    if refuse || !known {
        let message = "Webhook subscription does not exist".to_owned();
        return Ok(Done::Refused(UserError { field: vec!["id".into()], code: None, message }));
    }
    act.commit_all(vec![Entry::SubscriptionDeleted { id }])?;
    Ok(Done::Deleted(id))
}

impl Done {
    pub fn write(&self, name: &'static str, act: &Act<'_>, field: &Field, out: &mut Out<'_>) {
        out.object(&Payload { name, done: self, view: View::after(act) }, field);
    }
}

struct Payload<'a> {
    name: &'static str,
    done: &'a Done,
    view: View<'a>,
}

impl Object for Payload<'_> {
    fn type_name(&self) -> &'static str {
        self.name
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match (field.name.as_str(), self.done) {
            ("webhookSubscription", Done::Created(of)) => {
                out.object(&SubscriptionObject { of: of.clone(), view: self.view }, field);
            }
            ("deletedWebhookSubscriptionId", Done::Deleted(id)) => {
                out.gid("WebhookSubscription", *id);
            }
            ("webhookSubscription" | "deletedWebhookSubscriptionId", _) => out.null(),
            ("userErrors", Done::Refused(error)) => {
                out.objects([Shown("UserError", error)], field);
            }
            ("userErrors", _) => out.objects(None::<Shown<'_>>, field),
            _ => out.unanswered(self.name, field),
        }
    }
}

struct SubscriptionObject<'a> {
    of: Subscription,
    view: View<'a>,
}

impl Object for SubscriptionObject<'_> {
    fn type_name(&self) -> &'static str {
        "WebhookSubscription"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let of = &self.of;
        match field.name.as_str() {
            "id" => out.gid("WebhookSubscription", of.id),
            "legacyResourceId" => out.text(&of.id.to_string()),
            "topic" => out.text(of.topic.name()),
            "uri" | "callbackUrl" => out.text(&of.uri),
            "format" => out.text("JSON"),
            "createdAt" | "updatedAt" => out.text(&time(of.created_at)),
            "includeFields" | "metafieldNamespaces" => out.texts([]),
            "filter" | "name" => out.null(),
            "apiVersion" => {
                out.object(&Version(&self.view.sandbox.inner.options.api_version), field);
            }
            _ => out.unanswered("WebhookSubscription", field),
        }
    }
}

struct Version<'a>(&'a str);

impl Object for Version<'_> {
    fn type_name(&self) -> &'static str {
        "ApiVersion"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "handle" | "displayName" => out.text(self.0),
            "supported" => out.flag(true),
            _ => out.unanswered("ApiVersion", field),
        }
    }
}
