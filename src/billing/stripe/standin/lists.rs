//! Reading: one object by its id, or a page of them, the newest first.

use serde_json::{Value, json};

use super::checkout;
use super::errors::{Answer, ApiError};
use super::form::Params;
use super::state::{State, show};

const LIMIT: i64 = 10;
const LIMIT_MAX: i64 = 100;
/// Of every list.
const PAGING: [&str; 4] = ["limit", "starting_after", "ending_before", "created"];

/// A list: its path, what it is of, and the fields that it can be filtered by as they are.
const LISTS: [(&str, &str, &[&str]); 13] = [
    ("customers", "customer", &["email"]),
    ("products", "product", &["active"]),
    ("prices", "price", &["active", "product", "currency", "type", "lookup_keys"]),
    ("payment_methods", "payment_method", &["customer", "type"]),
    ("checkout/sessions", "checkout.session", &["customer", "payment_intent", "subscription", "status"]),
    ("payment_intents", "payment_intent", &["customer"]),
    ("charges", "charge", &["customer", "payment_intent"]),
    ("refunds", "refund", &["charge", "payment_intent"]),
    ("disputes", "dispute", &["charge", "payment_intent"]),
    (
        "subscriptions",
        "subscription",
        &["customer", "price", "status", "current_period_start", "current_period_end"],
    ),
    ("invoices", "invoice", &["customer", "status", "subscription", "collection_method"]),
    ("invoice_payments", "invoice_payment", &["invoice", "status", "payment"]),
    ("events", "event", &["type", "types"]),
];

pub(super) fn read(state: &State, parts: &[&str], params: &Params) -> Answer {
    if let ["checkout", "sessions", id, "line_items"] = parts {
        state.of("checkout.session", id, "id")?;
        return Ok(checkout::line_items(state, id));
    }
    let path = parts.join("/");
    if let Some((path, kind, filters)) = LISTS.iter().find(|(known, ..)| *known == path) {
        return page(state, path, kind, filters, params);
    }
    let (id, folder) = parts.split_last().unwrap_or((&"", &[]));
    let folder = folder.join("/");
    let Some((_, kind, _)) = LISTS.iter().find(|(known, ..)| *known == folder) else {
        return Err(ApiError::no_route("GET", &format!("/v1/{path}")));
    };
    params.known(&[])?;
    let found = state.of(kind, id, "id")?;
    if found["_deleted"] == true {
        return Ok(json!({ "id": id, "object": kind, "deleted": true }));
    }
    Ok(show(found))
}

fn page(state: &State, path: &str, kind: &str, filters: &[&str], params: &Params) -> Answer {
    let names: Vec<&str> = PAGING.iter().chain(filters).copied().collect();
    params.known(&names)?;
    let limit = params.int("limit")?.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let message = format!("This value must be between 1 and {LIMIT_MAX} (inclusive).");
        return Err(ApiError::wrong_param("limit", message));
    }
    let created = Range::read(params, "created")?;
    // Thousands are looked through, most often for one: only what was asked for is compared.
    let asked: Vec<&str> =
        filters.iter().copied().filter(|name| params.has(name) || *name == "status").collect();
    let fits = |object: &&Value| {
        asked.iter().all(|name| fits(object, name, params))
            && object["_deleted"] != true
            && object["created"].as_i64().is_none_or(|at| created.holds(at))
    };
    let limit = usize::try_from(limit).unwrap_or(1);
    let is_first = !params.has("starting_after") && !params.has("ending_before");
    let enough = if is_first { limit + 1 } else { usize::MAX };
    let intent = params.text("payment_intent").filter(|_| kind == "checkout.session");
    let all: Vec<&Value> = match intent.and_then(|intent| state.session_of(intent)) {
        Some(session) => Some(session).into_iter().filter(fits).collect(),
        None => state.all(kind).rev().filter(fits).take(enough).collect(),
    };
    let place = |name: &str| -> Result<Option<usize>, ApiError> {
        let Some(id) = params.text(name) else { return Ok(None) };
        // It may be one that the filters leave out: then by its place among all of them.
        let found = state.of(kind, id, name)?;
        Ok(Some(all.iter().position(|it| it["id"] == found["id"]).unwrap_or_else(|| {
            let newer: Vec<&Value> = state.all(kind).rev().take_while(|it| it["id"] != found["id"]).collect();
            all.iter().filter(|it| newer.iter().any(|newer| newer["id"] == it["id"])).count()
        })))
    };
    let (start, end) = match (place("starting_after")?, place("ending_before")?) {
        (Some(after), _) => ((after + 1).min(all.len()), (after + 1 + limit).min(all.len())),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (None, None) => (0, limit.min(all.len())),
    };
    let has_more = if params.has("ending_before") { start > 0 } else { end < all.len() };
    let data: Vec<Value> = all[start..end].iter().map(|object| show(object)).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": format!("/v1/{path}") }))
}

/// Whether an object is among what one parameter asks for.
fn fits(object: &Value, name: &str, params: &Params) -> bool {
    if !params.has(name) {
        // Of subscriptions, those that ended are left out where nobody asks for them.
        return !(name == "status" && object["object"] == "subscription" && object["status"] == "canceled");
    }
    let text = params.text(name).unwrap_or_default();
    match name {
        "lookup_keys" => params.words(name).iter().any(|key| object["lookup_key"] == *key),
        "types" => params.words(name).iter().any(|kind| object["type"] == *kind),
        // `charge.*` is all of them.
        "type" if object["object"] == "event" => match text.strip_suffix('*') {
            Some(start) => object["type"].as_str().is_some_and(|kind| kind.starts_with(start)),
            None => object["type"] == text,
        },
        "active" => object[name].as_bool() == Some(text == "true"),
        "status" if object["object"] == "subscription" => match text {
            "all" => true,
            "ended" => ["canceled", "incomplete_expired"].iter().any(|status| object["status"] == *status),
            status => object["status"] == status,
        },
        "price" => object["items"]["data"][0]["price"]["id"] == text,
        "subscription" if object["object"] == "invoice" => {
            object["parent"]["subscription_details"]["subscription"] == text
        }
        "payment" => {
            let wanted = params.inner("payment");
            wanted.text("payment_intent").is_none_or(|intent| object["payment"]["payment_intent"] == intent)
        }
        "current_period_start" | "current_period_end" => Range::read(params, name)
            .is_ok_and(|range| object["items"]["data"][0][name].as_i64().is_some_and(|at| range.holds(at))),
        _ => object[name] == text,
    }
}

/// `created=…` or `created[gte]=…` and so on.
#[derive(Default)]
struct Range {
    exact: Option<i64>,
    gt: Option<i64>,
    gte: Option<i64>,
    lt: Option<i64>,
    lte: Option<i64>,
}

impl Range {
    fn read(params: &Params, name: &str) -> Result<Self, ApiError> {
        if params.text(name).is_some() {
            return Ok(Self { exact: params.int(name)?, ..Self::default() });
        }
        let inner = params.inner(name);
        inner.known(&["gt", "gte", "lt", "lte"])?;
        Ok(Self {
            exact: None,
            gt: inner.int("gt")?,
            gte: inner.int("gte")?,
            lt: inner.int("lt")?,
            lte: inner.int("lte")?,
        })
    }

    fn holds(&self, at: i64) -> bool {
        self.exact.is_none_or(|exact| at == exact)
            && self.gt.is_none_or(|gt| at > gt)
            && self.gte.is_none_or(|gte| at >= gte)
            && self.lt.is_none_or(|lt| at < lt)
            && self.lte.is_none_or(|lte| at <= lte)
    }
}
