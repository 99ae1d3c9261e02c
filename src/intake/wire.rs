//! The calls as they come: every field may be absent, `null`, or of another type than documented.

use super::IntakeLimits;
use super::json::{Json, Kind, Malformed};
use super::values::{Stop, Values, scalar};
use model::Map;
use std::borrow::Cow;

/// Pairs of a `merge` call, or ids of elsewhere, that are looked at.
const PAIRS_MAX: usize = 8;
/// What we are called among a call's `integrations`.
const OUR_NAME: &str = "segmentd";

type Text<'a> = Option<Cow<'a, str>>;

/// One call. A field that is not what it should be is absent; only properties and traits that
/// are no objects refuse the call.
#[derive(Default)]
pub(super) struct Call<'a> {
    pub(super) kind: Text<'a>,
    pub(super) message_id: Text<'a>,
    pub(super) user_id: Text<'a>,
    pub(super) anonymous_id: Text<'a>,
    pub(super) previous_id: Text<'a>,
    pub(super) group_id: Text<'a>,
    pub(super) event: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) category: Text<'a>,
    pub(super) timestamp: Text<'a>,
    pub(super) original_timestamp: Text<'a>,
    pub(super) sent_at: Text<'a>,
    pub(super) write_key: Text<'a>,
    pub(super) properties: Map,
    pub(super) traits: Map,
    /// Apart: most calls of a batch have none.
    pub(super) context: Option<Box<Context<'a>>>,
    /// Of RudderStack's `merge`: pairs of type and value.
    pub(super) merge: Vec<(String, String)>,
    /// Whether `integrations` keeps it from us: `All` is false and we are not named.
    pub(super) declined: bool,
}

/// The parts of `context` that are used.
#[derive(Default)]
pub(super) struct Context<'a> {
    pub(super) traits: Map,
    pub(super) ip: Text<'a>,
    pub(super) user_agent: Text<'a>,
    pub(super) locale: Text<'a>,
    pub(super) direct: bool,
    pub(super) page: Map,
    pub(super) campaign: Map,
    pub(super) device_token: Text<'a>,
    pub(super) device_maker: Text<'a>,
    pub(super) os_name: Text<'a>,
    /// Ids by which others know the person: pairs of whose they are and the id.
    pub(super) external_ids: Vec<(String, String)>,
}

/// A whole batch.
#[derive(Default)]
pub(super) struct Batch<'a> {
    pub(super) write_key: Text<'a>,
    pub(super) sent_at: Text<'a>,
    pub(super) context: Context<'a>,
    /// `None` when there was no list of calls.
    pub(super) calls: Option<Vec<Result<Call<'a>, Dropped>>>,
    /// Calls beyond the limit.
    pub(super) excess: usize,
}

/// A call that is refused while it is read.
pub(super) struct Dropped {
    pub(super) reason: &'static str,
    /// As far as there is one.
    pub(super) message_id: String,
}

/// Walks over the fields of an object; anything else is passed.
fn fields<'a, E: From<Malformed>>(
    json: &mut Json<'a>,
    mut field: impl FnMut(&str, &mut Json<'a>) -> Result<(), E>,
) -> Result<(), E> {
    if json.kind()? != Kind::Object {
        return Ok(json.skip()?);
    }
    let mut next = json.first_name()?;
    while let Some(name) = next {
        field(&name, json)?;
        next = json.next_name()?;
    }
    Ok(())
}

impl<'a> Call<'a> {
    /// Reads a call of its own: the whole text.
    pub(super) fn single(text: &'a str, limits: &IntakeLimits) -> Result<Result<Call<'a>, Dropped>, Malformed> {
        let mut json = Json::new(text);
        if json.kind()? != Kind::Object {
            return Err(Malformed { at: json.at() });
        }
        let call = Call::next(&mut json, limits)?;
        json.end()?;
        Ok(call)
    }

    /// Reads the call that comes next. One that is refused is passed all the same.
    fn next(json: &mut Json<'a>, limits: &IntakeLimits) -> Result<Result<Call<'a>, Dropped>, Malformed> {
        let mut start = json.clone();
        let reason = match Call::read(json, limits) {
            Ok(call) if json.at() - start.at() <= limits.event_bytes_max => return Ok(Ok(call)),
            Ok(_) => "event_too_large",
            Err(Stop::Refused(reason)) => reason,
            Err(Stop::Malformed(malformed)) => return Err(malformed),
        };
        let mut message_id = String::new();
        fields::<Malformed>(&mut start, |name, json| {
            if name != "messageId" {
                return json.skip();
            }
            let id = scalar(json)?.unwrap_or_default();
            message_id = id.chars().take(limits.message_id_chars_max).collect();
            Ok(())
        })?;
        *json = start;
        Ok(Err(Dropped { reason, message_id }))
    }

    fn read(json: &mut Json<'a>, limits: &IntakeLimits) -> Result<Call<'a>, Stop> {
        if json.kind()? != Kind::Object {
            return Err(Stop::Refused("malformed_event"));
        }
        let mut values = Values::new(limits);
        let mut call = Call::default();
        fields::<Stop>(json, |name, json| {
            let text = match name {
                "type" => &mut call.kind,
                "messageId" => &mut call.message_id,
                "userId" => &mut call.user_id,
                "anonymousId" => &mut call.anonymous_id,
                "previousId" => &mut call.previous_id,
                "groupId" => &mut call.group_id,
                "event" => &mut call.event,
                "name" => &mut call.name,
                "category" => &mut call.category,
                "timestamp" => &mut call.timestamp,
                "originalTimestamp" => &mut call.original_timestamp,
                "sentAt" => &mut call.sent_at,
                "writeKey" => &mut call.write_key,
                "properties" => {
                    call.properties = values.map(json)?;
                    return Ok(());
                }
                "traits" => {
                    call.traits = values.map(json)?;
                    return Ok(());
                }
                "context" => {
                    call.context = Some(Box::new(Context::read(json, &mut values)?));
                    return Ok(());
                }
                "integrations" => {
                    call.declined = declined(json)?;
                    return Ok(());
                }
                "mergeProperties" => {
                    call.merge = pairs(json, "value")?;
                    return Ok(());
                }
                _ => return Ok(json.skip()?),
            };
            *text = scalar(json)?;
            Ok(())
        })?;
        Ok(call)
    }
}

impl<'a> Context<'a> {
    fn read(json: &mut Json<'a>, values: &mut Values<'_>) -> Result<Context<'a>, Stop> {
        let mut context = Context::default();
        fields::<Stop>(json, |name, json| {
            match name {
                "traits" => context.traits = values.map(json)?,
                "page" => context.page = values.map(json)?,
                "campaign" => context.campaign = values.map(json)?,
                "ip" => context.ip = scalar(json)?,
                "userAgent" => context.user_agent = scalar(json)?,
                "locale" => context.locale = scalar(json)?,
                // RudderStack's dialect has the singular.
                "externalIds" | "externalId" => context.external_ids = pairs(json, "id")?,
                "direct" => {
                    context.direct = json.kind()? == Kind::True;
                    json.skip()?;
                }
                "device" => fields::<Malformed>(json, |name, json| {
                    match name {
                        "token" => context.device_token = scalar(json)?,
                        "manufacturer" => context.device_maker = scalar(json)?,
                        _ => json.skip()?,
                    }
                    Ok(())
                })?,
                "os" => fields::<Malformed>(json, |name, json| {
                    match name {
                        "name" => context.os_name = scalar(json)?,
                        _ => json.skip()?,
                    }
                    Ok(())
                })?,
                _ => json.skip()?,
            }
            Ok(())
        })?;
        Ok(context)
    }
}

impl<'a> Batch<'a> {
    /// Reads a batch: the whole text.
    pub(super) fn read(text: &'a str, limits: &IntakeLimits) -> Result<Batch<'a>, Malformed> {
        let mut json = Json::new(text);
        if json.kind()? != Kind::Object {
            return Err(Malformed { at: json.at() });
        }
        let mut batch = Batch::default();
        fields::<Malformed>(&mut json, |name, json| {
            match name {
                "writeKey" => batch.write_key = scalar(json)?,
                "sentAt" => batch.sent_at = scalar(json)?,
                "context" => {
                    let mut start = json.clone();
                    match Context::read(json, &mut Values::new(limits)) {
                        Ok(context) => batch.context = context,
                        Err(Stop::Malformed(malformed)) => return Err(malformed),
                        // A context that is too much says nothing.
                        Err(Stop::Refused(_)) => {
                            start.skip()?;
                            *json = start;
                        }
                    }
                }
                "batch" if json.kind()? == Kind::List => batch.read_calls(json, limits)?,
                _ => json.skip()?,
            }
            Ok(())
        })?;
        json.end()?;
        Ok(batch)
    }

    fn read_calls(&mut self, json: &mut Json<'a>, limits: &IntakeLimits) -> Result<(), Malformed> {
        let mut calls = Vec::new();
        let mut more = json.first_item()?;
        while more {
            if calls.len() < limits.batch_events_max {
                let start = json.at();
                calls.push(Call::next(json, limits)?);
                if calls.len() == 1 {
                    // Calls of a batch are mostly of one length.
                    calls.reserve((json.left() / (json.at() - start).max(1)).min(limits.batch_events_max));
                }
            } else {
                json.skip()?;
                self.excess += 1;
            }
            more = json.next_item()?;
        }
        self.calls = Some(calls);
        Ok(())
    }

    /// The write key of the batch, else of its first call.
    pub(super) fn key(&self) -> Option<&str> {
        let first = || match self.calls.as_deref()?.first()? {
            Ok(call) => call.write_key.as_deref(),
            Err(_) => None,
        };
        self.write_key.as_deref().or_else(first)
    }
}

/// `{"All": false}` without `"segmentd": true`, or options of ours in place of `true`.
fn declined(json: &mut Json<'_>) -> Result<bool, Malformed> {
    let (mut all_off, mut named) = (false, false);
    fields::<Malformed>(json, |name, json| {
        let kind = json.kind()?;
        match name {
            "All" | "all" => all_off = kind == Kind::False,
            _ if name.eq_ignore_ascii_case(OUR_NAME) => named = matches!(kind, Kind::True | Kind::Object),
            _ => {}
        }
        json.skip()
    })?;
    Ok(all_off && !named)
}

/// A list of pairs: a type, and a value under this name.
fn pairs(json: &mut Json<'_>, of: &str) -> Result<Vec<(String, String)>, Malformed> {
    let mut pairs = Vec::new();
    if json.kind()? != Kind::List {
        json.skip()?;
        return Ok(pairs);
    }
    let mut more = json.first_item()?;
    while more {
        let (mut kind, mut value) = (None, None);
        fields::<Malformed>(json, |name, json| {
            match name {
                "type" => kind = scalar(json)?,
                _ if name == of => value = scalar(json)?,
                _ => json.skip()?,
            }
            Ok(())
        })?;
        if let (Some(kind), Some(value)) = (kind, value)
            && pairs.len() < PAIRS_MAX
        {
            pairs.push((kind.into_owned(), value.into_owned()));
        }
        more = json.next_item()?;
    }
    Ok(pairs)
}
