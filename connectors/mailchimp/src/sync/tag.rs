//! The tag: found by its name or made, its id kept until it is gone.

use super::{MailchimpTag, SIDE_MAX};
use crate::api::{Denied, no_audience};
use crate::wire::{Tag, TagChange, TagChanged};
use kit::failure::Failure;

/// Pages of an audience's tags that are looked through.
const PAGES_MAX: usize = 20;

/// What a change of the tag came to.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) answer: TagChanged,
    /// Addresses that the platform calls invalid, with its words.
    pub(super) invalid: Vec<(String, String)>,
}

fn named(tags: Vec<Tag>, name: &str) -> Option<u64> {
    tags.iter().find(|tag| tag.name == name).map(|tag| tag.id)
}

impl MailchimpTag {
    /// The tag's id; `None` when there is none of its name.
    pub(super) async fn find_tag(&self) -> Result<Option<u64>, Failure> {
        if let Some(known) = self.memory().tag {
            return Ok(Some(known));
        }
        let list = &self.config.audience;
        let found = match self.api()?.tag_search(list, &self.config.tag).await {
            Ok(found) => named(found.tags, &self.config.tag),
            Err(Denied::Missing(why)) => return Err(no_audience(list, why)),
            Err(denied) => return Err(denied.into()),
        };
        self.memory().tag = found;
        Ok(found)
    }

    /// The tag's id; it is made if there is none of its name.
    pub(super) async fn ensure_tag(&self) -> Result<u64, Failure> {
        if let Some(found) = self.find_tag().await? {
            return Ok(found);
        }
        let (api, list) = (self.api()?, &self.config.audience);
        let made = match api.create_tag(list, &self.config.tag).await {
            Ok(made) => made.id,
            Err(Denied::Missing(why)) => return Err(no_audience(list, why)),
            // A search may not show it yet, or at all: the tags themselves are looked through.
            Err(Denied::Invalid(why)) => match self.look_through().await? {
                Some(found) => found,
                None => return Err(Failure::Refused(format!("tag {}: {why}", self.config.tag))),
            },
            Err(denied) => return Err(denied.into()),
        };
        self.memory().tag = Some(made);
        Ok(made)
    }

    async fn look_through(&self) -> Result<Option<u64>, Failure> {
        let (api, mut offset) = (self.api()?, 0);
        for _ in 0..PAGES_MAX {
            let page = api.static_segments(&self.config.audience, offset).await?;
            offset += page.segments.len();
            let last = page.segments.is_empty() || offset as u64 >= page.total_items;
            // Of two spellings the platform may see one name.
            let folded = self.config.tag.to_lowercase();
            let same = page.segments.iter().find(|tag| tag.name.to_lowercase() == folded).map(|tag| tag.id);
            if last || same.is_some() {
                return Ok(same);
            }
        }
        Ok(None)
    }

    /// Puts contacts into the tag and takes others out: one call, unless an address is called invalid; then the
    /// addresses are parted until it is alone.
    pub(super) async fn change_tag(&self, add: &[&str], remove: &[&str]) -> Result<Changed, Failure> {
        let mut changed = Changed::default();
        let mut waiting = vec![(add.to_vec(), remove.to_vec())];
        while let Some((add, remove)) = waiting.pop() {
            if add.is_empty() && remove.is_empty() {
                continue;
            }
            debug_assert!(add.len() <= SIDE_MAX && remove.len() <= SIDE_MAX);
            match self.change_once(&add, &remove).await {
                Ok(answer) => {
                    changed.answer.members_added.extend(answer.members_added);
                    changed.answer.errors.extend(answer.errors);
                }
                Err(Denied::Invalid(why)) => match (add.as_slice(), remove.as_slice()) {
                    ([one], []) => changed.invalid.push(((*one).to_owned(), why)),
                    // What can't be named there is not in the tag.
                    ([], [_]) => {}
                    _ => waiting.extend(parted(add, remove)),
                },
                Err(denied) => return Err(denied.into()),
            }
        }
        Ok(changed)
    }

    /// One call. A tag that is gone is looked up again, and made if somebody is to come in.
    async fn change_once(&self, add: &[&str], remove: &[&str]) -> Result<TagChanged, Denied> {
        let change = TagChange { members_to_add: add, members_to_remove: remove };
        let (api, mut gone) = (self.api()?, None);
        for _ in 0..2 {
            let tag = match (self.find_tag().await?, add.is_empty()) {
                (Some(tag), _) => tag,
                (None, true) => return Ok(TagChanged::default()),
                (None, false) => self.ensure_tag().await?,
            };
            match api.change_tag(&self.config.audience, tag, &change).await {
                Err(Denied::Missing(why)) => {
                    self.memory().tag = None;
                    gone = Some(why);
                }
                answer => return answer,
            }
        }
        let why = gone.unwrap_or_default();
        Err(Denied::Other(Failure::retry(format!("tag {}: {why}", self.config.tag), None)))
    }
}

type Sides<'a> = (Vec<&'a str>, Vec<&'a str>);

/// Additions and removals apart, then halves.
fn parted<'a>(add: Vec<&'a str>, remove: Vec<&'a str>) -> [Sides<'a>; 2] {
    let halves = |all: &[&'a str]| {
        let (left, right) = all.split_at(all.len() / 2);
        (left.to_vec(), right.to_vec())
    };
    match (add.is_empty(), remove.is_empty()) {
        (false, false) => [(add, Vec::new()), (Vec::new(), remove)],
        (false, true) => {
            let (left, right) = halves(&add);
            [(left, Vec::new()), (right, Vec::new())]
        }
        _ => {
            let (left, right) = halves(&remove);
            [(Vec::new(), left), (Vec::new(), right)]
        }
    }
}
