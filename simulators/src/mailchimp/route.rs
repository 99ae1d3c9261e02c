//! Which operation a method and a path mean.

use super::call::{Answer, Call, Outcome};
use super::problem::Problem;
use super::world::World;
use super::{batch_members, batches, lists, members, merge_fields, segment_members, segments, tags, webhooks};
use serde_json::json;

macro_rules! operations {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// An operation of the API.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Operation { $($variant),* }

        impl Operation {
            /// Its name in counters, faults and violations.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$variant => $name),* }
            }
        }
    };
}

operations! {
    Root "root",
    Ping "ping",
    Lists "lists",
    List "list",
    BatchMembers "batch_members",
    Members "members",
    MemberAdd "member_add",
    Member "member",
    MemberPut "member_put",
    MemberPatch "member_patch",
    MemberArchive "member_archive",
    MemberDelete "member_delete_permanent",
    MemberTags "member_tags",
    MemberTagsUpdate "member_tags_update",
    Segments "segments",
    SegmentCreate "segment_create",
    Segment "segment",
    SegmentPatch "segment_patch",
    SegmentDelete "segment_delete",
    SegmentBatch "segment_batch",
    SegmentMembers "segment_members",
    SegmentMemberAdd "segment_member_add",
    SegmentMemberRemove "segment_member_remove",
    TagSearch "tag_search",
    MergeFields "merge_fields",
    MergeFieldCreate "merge_field_create",
    MergeField "merge_field",
    MergeFieldPatch "merge_field_patch",
    MergeFieldDelete "merge_field_delete",
    Webhooks "webhooks",
    WebhookCreate "webhook_create",
    Webhook "webhook",
    WebhookPatch "webhook_patch",
    WebhookDelete "webhook_delete",
    Batches "batches",
    BatchStart "batch_start",
    Batch "batch",
    BatchDelete "batch_delete",
}

/// What a path has to offer: method and operation, and the identifiers in it.
type Offer<'a> = (&'static [(&'static str, Operation)], [&'a str; 3]);

fn offer<'a>(path: &[&'a str]) -> Option<Offer<'a>> {
    use Operation as O;
    Some(match path {
        [] => (&[("GET", O::Root)], ["", "", ""]),
        ["ping"] => (&[("GET", O::Ping)], ["", "", ""]),
        ["lists"] => (&[("GET", O::Lists)], ["", "", ""]),
        ["lists", list] => (&[("GET", O::List), ("POST", O::BatchMembers)], [list, "", ""]),
        ["lists", list, "members"] => (&[("GET", O::Members), ("POST", O::MemberAdd)], [list, "", ""]),
        ["lists", list, "members", member] => (
            &[("GET", O::Member), ("PUT", O::MemberPut), ("PATCH", O::MemberPatch), ("DELETE", O::MemberArchive)],
            [list, member, ""],
        ),
        ["lists", list, "members", member, "actions", "delete-permanent"] => {
            (&[("POST", O::MemberDelete)], [list, member, ""])
        }
        ["lists", list, "members", member, "tags"] => {
            (&[("GET", O::MemberTags), ("POST", O::MemberTagsUpdate)], [list, member, ""])
        }
        ["lists", list, "segments"] => (&[("GET", O::Segments), ("POST", O::SegmentCreate)], [list, "", ""]),
        ["lists", list, "segments", segment] => (
            &[("GET", O::Segment), ("PATCH", O::SegmentPatch), ("DELETE", O::SegmentDelete), ("POST", O::SegmentBatch)],
            [list, segment, ""],
        ),
        ["lists", list, "segments", segment, "members"] => {
            (&[("GET", O::SegmentMembers), ("POST", O::SegmentMemberAdd)], [list, segment, ""])
        }
        ["lists", list, "segments", segment, "members", member] => {
            (&[("DELETE", O::SegmentMemberRemove)], [list, segment, member])
        }
        ["lists", list, "tag-search"] => (&[("GET", O::TagSearch)], [list, "", ""]),
        ["lists", list, "merge-fields"] => (&[("GET", O::MergeFields), ("POST", O::MergeFieldCreate)], [list, "", ""]),
        ["lists", list, "merge-fields", field] => (
            &[("GET", O::MergeField), ("PATCH", O::MergeFieldPatch), ("DELETE", O::MergeFieldDelete)],
            [list, field, ""],
        ),
        ["lists", list, "webhooks"] => (&[("GET", O::Webhooks), ("POST", O::WebhookCreate)], [list, "", ""]),
        ["lists", list, "webhooks", hook] => {
            (&[("GET", O::Webhook), ("PATCH", O::WebhookPatch), ("DELETE", O::WebhookDelete)], [list, hook, ""])
        }
        ["batches"] => (&[("GET", O::Batches), ("POST", O::BatchStart)], ["", "", ""]),
        ["batches", batch] => (&[("GET", O::Batch), ("DELETE", O::BatchDelete)], [batch, "", ""]),
        _ => return None,
    })
}

/// The operation and the identifiers of a method and the parts of a path behind `/3.0`.
pub(super) fn find(method: &str, path: &[&str]) -> Result<(Operation, [String; 3]), Problem> {
    let Some((offers, names)) = offer(path) else { return Err(Problem::not_found()) };
    let Some((_, operation)) = offers.iter().find(|(offered, _)| *offered == method) else {
        let why = "The requested method and resource are not compatible. See the Allow header for this resource's \
                   available methods.";
        return Err(Problem::new(405, "Method Not Allowed", why));
    };
    Ok((*operation, names.map(str::to_owned)))
}

/// Does what a call asks for.
pub(super) fn run(world: &mut World, call: &Call) -> Outcome {
    use Operation as O;
    match call.operation {
        O::Root => Ok(Answer::Json(world.account.json())),
        O::Ping => Ok(Answer::Json(json!({"health_status": "Everything's Chimpy!"}))),
        O::Lists => lists::all(world, call),
        O::List => lists::one(world, call),
        O::BatchMembers => batch_members::batch(world, call),
        O::Members => members::list(world, call),
        O::MemberAdd => members::add(world, call),
        O::Member => members::get(world, call),
        O::MemberPut => members::put(world, call),
        O::MemberPatch => members::patch(world, call),
        O::MemberArchive => members::archive(world, call),
        O::MemberDelete => members::delete_permanent(world, call),
        O::MemberTags => tags::of_member(world, call),
        O::MemberTagsUpdate => tags::update(world, call),
        O::TagSearch => tags::search(world, call),
        O::Segments => segments::list(world, call),
        O::SegmentCreate => segments::create(world, call),
        O::Segment => segments::get(world, call),
        O::SegmentPatch => segments::patch(world, call),
        O::SegmentDelete => segments::delete(world, call),
        O::SegmentBatch => segment_members::batch(world, call),
        O::SegmentMembers => segment_members::list(world, call),
        O::SegmentMemberAdd => segment_members::add(world, call),
        O::SegmentMemberRemove => segment_members::remove(world, call),
        O::MergeFields => merge_fields::list(world, call),
        O::MergeFieldCreate => merge_fields::create(world, call),
        O::MergeField => merge_fields::get(world, call),
        O::MergeFieldPatch => merge_fields::patch(world, call),
        O::MergeFieldDelete => merge_fields::delete(world, call),
        O::Webhooks => webhooks::list(world, call),
        O::WebhookCreate => webhooks::create(world, call),
        O::Webhook => webhooks::get(world, call),
        O::WebhookPatch => webhooks::patch(world, call),
        O::WebhookDelete => webhooks::delete(world, call),
        O::Batches => batches::list(world, call),
        O::BatchStart => batches::start(world, call),
        O::Batch => batches::get(world, call),
        O::BatchDelete => batches::delete(world, call),
    }
}
