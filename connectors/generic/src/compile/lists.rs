//! How a list is kept.

use super::Compiler;
use super::names::Names;
use crate::description::{Call, Change, List, Look, Read};
use crate::file::{self, Kind};
use crate::nearest::nearest;
use crate::template::{Part, Template};
use toml::Spanned;

/// Changes of one call.
const BATCH_MAX: usize = 10_000;

impl Compiler<'_> {
    pub(super) fn list(&mut self, raw: &file::List) -> List {
        let settings = raw.settings.iter().map(|(name, setting)| (name.clone(), setting.get_ref().clone())).collect();
        let look = raw.look.as_ref().map(|look| self.look(look));
        if raw.create.is_some() && look.is_none() {
            self.wrong(&raw.add.span(), "[list.create] needs [list.look]: who is missing has to be known first");
        }
        let list = List {
            identifies: raw.identifies,
            consent: raw.consent,
            read_lag_s: raw.read_lag_s,
            settings,
            look,
            create: raw.create.as_ref().map(|call| self.call(call, Names::MEMBER)),
            add: self.change(&raw.add),
            remove: self.change(&raw.remove),
            erase: raw.erase.as_ref().map(|call| self.call(call, Names::MEMBER)),
            read: raw.read.as_ref().map(|read| self.read_back(read)),
        };
        self.settings_of(raw, &list);
        list
    }

    fn look(&mut self, raw: &file::Look) -> Look {
        Look {
            path: self.path(&raw.path, Names::MEMBER),
            missing: raw.missing.clone(),
            held: self.expr(&raw.held),
            refuse: raw.refuse.iter().map(|refuse| (self.expr(&refuse.when), refuse.why.clone())).collect(),
        }
    }

    fn change(&mut self, raw: &Spanned<file::Change>) -> Change {
        let (span, raw) = (raw.span(), raw.get_ref());
        if !(1..=BATCH_MAX).contains(raw.batch.get_ref()) {
            self.wrong(&raw.batch.span(), format!("expected 1 to {BATCH_MAX}"));
        }
        let path = self.path(&raw.path, Names::MEMBER);
        let body = raw.body.as_ref().map(|body| self.body(body, Names::MEMBER));
        let call = Call { method: raw.method, path, body };
        let one = *raw.batch.get_ref() == 1;
        if !one && !call.names("identifiers") {
            self.wrong(&span, "a batch needs {identifiers} in its body");
        }
        if one && !call.names("identifier") && !call.names("identifiers") {
            self.wrong(&span, "whom? expected {identifier} in the path or in the body");
        }
        if !one && raw.failed.is_none() && raw.done.is_none() {
            self.wrong(&span, "expected failed or done: a batch may fail in part, and the answer says of whom");
        }
        let none_done = raw.none_done.iter().map(|rule| (rule.status, self.maybe(rule.when.as_ref())));
        Change {
            none_done: none_done.collect(),
            call,
            batch: *raw.batch.get_ref(),
            failed: self.maybe(raw.failed.as_ref()),
            done: self.maybe(raw.done.as_ref()),
            reason: self.maybe(raw.reason.as_ref()),
            missing: raw.missing.clone(),
        }
    }

    fn read_back(&mut self, raw: &file::Read) -> Read {
        let path = self.path(&raw.path, Names::MEMBERS);
        let pages = self.pages((&raw.rows, &raw.next, &[]), &|name| path.has(name));
        Read { path, identifier: self.expr(&raw.identifier), pages }
    }

    /// Whatever a template takes of the list's settings has to be one of them.
    fn settings_of(&mut self, raw: &file::List, list: &List) {
        let known: Vec<&str> = list.settings.keys().map(String::as_str).collect();
        let change = |change: &Spanned<file::Change>| change.get_ref().path.span();
        let mut seen: Vec<(std::ops::Range<usize>, Vec<String>)> =
            vec![(change(&raw.add), list.add.call.of_list()), (change(&raw.remove), list.remove.call.of_list())];
        if let (Some(call), Some(read)) = (&raw.create, &list.create) {
            seen.push((call.path.span(), read.of_list()));
        }
        if let (Some(read), Some(compiled)) = (&raw.read, &list.read) {
            seen.push((read.path.span(), of_list(&compiled.path)));
        }
        for (span, names) in seen {
            for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
                let what = format!("{{list.{name}}} is none of [list.settings]{}", nearest(name, &known));
                self.wrong(&span, what);
            }
        }
        if list.create.as_ref().is_some_and(|call| call.names("fields"))
            && !list.settings.values().any(|setting| setting.kind == Kind::Fields)
        {
            self.wrong(&raw.add.span(), "{fields} needs a setting of the kind fields");
        }
    }
}

/// The settings of the list that a template takes.
fn of_list(template: &Template) -> Vec<String> {
    let hole = |part: &Part| match part {
        Part::Hole { name, otherwise: None } => name.strip_prefix("list.").map(str::to_owned),
        _ => None,
    };
    template.parts().iter().filter_map(hole).collect()
}

impl Call {
    fn of_list(&self) -> Vec<String> {
        let mut names = of_list(&self.path);
        if let Some(body) = &self.body {
            names.extend(body.names().iter().filter_map(|name| name.strip_prefix("list.")).map(str::to_owned));
        }
        names
    }

    /// Whether a name is filled in anywhere.
    pub(crate) fn names(&self, wanted: &str) -> bool {
        self.path.has(wanted) || self.body.as_ref().is_some_and(|body| body.names().iter().any(|name| name == wanted))
    }
}
