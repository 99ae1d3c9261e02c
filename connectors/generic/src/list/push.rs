//! Makes changes: who is missing is made, the others are put on and taken off in batches, and whoever the answer does
//! not name as done is looked at.

use super::{GenericList, Stands, folded, settings};
use crate::calls::{Denied, Fill, json, says, unfit};
use crate::description::{Call, Change as Described, Look};
use crate::expression::{Expr, text, texts};
use jmespath::Rcvar;
use kit::failure::Failure;
use kit::sync::{Batch, Change, Refusal};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The setting of a list by which people who were erased here are deleted there.
const ERASE: &str = "erase";

/// Who is not taken, and why.
type Refused = BTreeMap<String, String>;

/// Those for whom a call did not do it, with the platform's reason if it said one.
type Left = Vec<(String, Option<String>)>;

impl GenericList {
    pub(super) async fn push_batch(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let (adds, removes): (Vec<&Change>, Vec<&Change>) = batch.changes.iter().partition(|change| change.member);
        let mut refused = Refused::new();
        self.take_off(&removes.iter().map(|change| change.identifier.as_str()).collect::<Vec<_>>(), &mut refused)
            .await?;
        self.put_on(&adds, &mut refused).await?;
        self.erase(&removes).await?;
        Ok(refused.into_iter().map(|(identifier, reason)| Refusal { identifier, reason }).collect())
    }

    /// Takes people off. Whoever is not there is as asked.
    async fn take_off(&self, removes: &[&str], refused: &mut Refused) -> Result<(), Failure> {
        let change = &self.list.remove;
        removes.iter().for_each(|one| self.forget(one));
        for part in removes.chunks(change.batch.max(1)) {
            let left = self.change(change, part).await?;
            for (identifier, reason) in left {
                if self.is_held(&identifier, true).await? {
                    refused.insert(identifier, said(reason));
                }
            }
        }
        Ok(())
    }

    async fn put_on(&self, adds: &[&Change], refused: &mut Refused) -> Result<(), Failure> {
        let by_name: BTreeMap<&str, &Change> =
            adds.iter().map(|change| (change.identifier.as_str(), *change)).collect();
        let all: Vec<&str> = by_name.keys().copied().collect();
        let Some(look) = &self.list.look else {
            return self.put_on_all(&all, (&by_name, None), refused).await;
        };
        let (mut out, mut barred) = (Vec::new(), Vec::new());
        for (identifier, stands) in self.look_at(look, &all, true).await? {
            match stands {
                Stands::Held => {}
                Stands::Out => out.push(identifier),
                Stands::Missing => self.create(&identifier, &by_name, refused).await?,
                Stands::Barred { held, why } => {
                    refused.insert(identifier.clone(), why);
                    barred.extend(held.then_some(identifier));
                }
            }
        }
        // Whoever must not be there and is: it may be that they were put there before they said no.
        self.take_off(&barred.iter().map(String::as_str).collect::<Vec<_>>(), refused).await?;
        let out: Vec<&str> = out.iter().map(String::as_str).collect();
        self.put_on_all(&out, (&by_name, Some(look)), refused).await
    }

    async fn put_on_all(
        &self,
        all: &[&str],
        (by_name, look): (&BTreeMap<&str, &Change>, Option<&Look>),
        refused: &mut Refused,
    ) -> Result<(), Failure> {
        let change = &self.list.add;
        for part in all.chunks(change.batch.max(1)) {
            let left = self.change(change, part).await?;
            part.iter().for_each(|one| self.remember(one, Stands::Held));
            left.iter().for_each(|(one, _)| self.forget(one));
            for (identifier, reason) in left {
                let stands = match look {
                    Some(look) => self.look(look, &identifier).await?,
                    None => Stands::Out,
                };
                match stands {
                    Stands::Held => {}
                    Stands::Missing => self.create(&identifier, by_name, refused).await?,
                    Stands::Out => drop(refused.insert(identifier, said(reason))),
                    Stands::Barred { why, .. } => drop(refused.insert(identifier, why)),
                }
            }
        }
        Ok(())
    }

    /// Makes somebody who is not known there, and puts them on the list with it.
    async fn create(
        &self,
        identifier: &str,
        by_name: &BTreeMap<&str, &Change>,
        refused: &mut Refused,
    ) -> Result<(), Failure> {
        let Some(call) = &self.list.create else {
            refused.insert(identifier.to_owned(), "not known there".to_owned());
            return Ok(());
        };
        let fields = by_name.get(identifier).map(|change| self.sent(change)).unwrap_or_default();
        let fill = self.fill().with("identifier", identifier).whole("fields", Value::Object(fields));
        match self.make(call, &fill).await {
            Ok(_) => {
                self.remember(identifier, Stands::Held);
                Ok(())
            }
            Err(Denied { failure: Failure::Refused(why), .. }) => {
                refused.insert(identifier.to_owned(), why);
                Ok(())
            }
            Err(denied) => Err(denied.into()),
        }
    }

    /// The properties that go with a person, under their names there.
    fn sent(&self, change: &Change) -> Map<String, Value> {
        let one = |(there, here): (&String, &String)| {
            let value = change.fields.get(here).map(|value| value.trim()).filter(|value| !value.is_empty())?;
            Some((there.clone(), value.into()))
        };
        self.fields.iter().filter_map(one).collect()
    }

    /// One call for several.
    async fn change(&self, change: &Described, part: &[&str]) -> Result<Left, Failure> {
        let mut fill = self.fill().whole("identifiers", part.iter().map(|one| Value::from(*one)).collect());
        if let ([only], 1) = (part, change.batch) {
            fill = fill.with("identifier", *only);
        }
        self.changed(change, part, &change.call, fill).await
    }

    async fn changed(&self, change: &Described, part: &[&str], call: &Call, fill: Fill) -> Result<Left, Failure> {
        let everybody =
            |reason: Option<String>| part.iter().map(|one| ((*one).to_owned(), reason.clone())).collect::<Left>();
        let answer = match self.make(call, &fill).await {
            Ok(answer) => answer,
            Err(denied) if denied.is(&change.missing) => return Ok(everybody(None)),
            Err(Denied { failure, answer: Some(answer) }) => {
                let mut rules = change.none_done.iter().filter(|(status, _)| *status == answer.status);
                if rules.any(|(_, when)| when.as_ref().is_none_or(|when| says(when, &answer))) {
                    return Ok(everybody(Some(failure.to_string())));
                }
                return match failure {
                    Failure::Refused(why) if part.len() == 1 => Ok(everybody(Some(why))),
                    failure => Err(failure),
                };
            }
            Err(denied) => return Err(denied.into()),
        };
        if change.failed.is_none() && change.done.is_none() {
            return Ok(Left::new());
        }
        let document = json(&answer)?;
        let reason = change.reason.as_ref().and_then(|reason| reason.text(&document).ok().flatten());
        let failed = named(change.failed.as_ref(), &document)?;
        let done = named(change.done.as_ref(), &document)?;
        if failed.is_none() && done.is_none() {
            return Err(Failure::PlatformChanged("the answer does not say for whom it was done".to_owned()));
        }
        let is_left = |one: &str| {
            let one = folded(one);
            let fails = failed.as_ref().is_some_and(|failed| failed.contains(&one));
            fails || done.as_ref().is_some_and(|done| !done.contains(&one))
        };
        let left = part.iter().filter(|one| is_left(one)).map(|one| ((*one).to_owned(), reason.clone()));
        Ok(left.collect())
    }

    /// Whether somebody is on the list; `unknown` where nobody can tell.
    async fn is_held(&self, identifier: &str, unknown: bool) -> Result<bool, Failure> {
        match &self.list.look {
            Some(look) => {
                let stands = self.look(look, identifier).await?;
                Ok(matches!(stands, Stands::Held | Stands::Barred { held: true, .. }))
            }
            None => Ok(unknown),
        }
    }

    /// Deletes people who were erased here, where the list's setting says so; they are off the list already.
    async fn erase(&self, removes: &[&Change]) -> Result<(), Failure> {
        let Some(call) = self.list.erase.as_ref().filter(|_| settings::flag(&self.settings, ERASE)) else {
            return Ok(());
        };
        for change in removes.iter().filter(|change| change.cause == "erasure") {
            let fill = self.fill().with("identifier", change.identifier.as_str());
            match self.make(call, &fill).await {
                Err(denied) if !denied.is(&[404, 410]) => return Err(denied.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn said(reason: Option<String>) -> String {
    reason.unwrap_or_else(|| "the platform does not take it, and says no reason".to_owned())
}

/// Whom an answer names; `None` when it has no such list.
fn named(expr: Option<&Expr>, document: &Rcvar) -> Result<Option<BTreeSet<String>>, Failure> {
    let Some(expr) = expr else { return Ok(None) };
    let found = expr.of(document).map_err(unfit)?;
    let is_list = found.as_array().is_some() || text(&found).is_some();
    Ok(is_list.then(|| texts(&found).iter().map(|one| folded(one)).collect()))
}
