//! How a platform is read.

use super::Compiler;
use super::names::Names;
use crate::description::{Pages, Stream, Total, Window};
use crate::file::{self, By, Text};
use crate::template::Template;
use model::Time;
use std::collections::BTreeSet;
use toml::Spanned;

/// How far a reading goes back behind the one before, seconds, unless it is said.
const OVERLAP_S: i64 = 120;
const OVERLAP_MAX_S: i64 = 30 * 86_400;
/// Things of one page.
const PAGE_MAX: u64 = 10_000;

impl Compiler<'_> {
    pub(super) fn streams(&mut self, raw: &[file::Stream], things: &[file::Thing]) -> Vec<Stream> {
        let mut names = BTreeSet::new();
        for stream in raw {
            if !names.insert(stream.name.get_ref()) {
                self.wrong(&stream.name.span(), format!("{} is described already", stream.name.get_ref()));
            }
        }
        raw.iter().map(|stream| self.stream(stream, things)).collect()
    }

    fn stream(&mut self, raw: &file::Stream, things: &[file::Thing]) -> Stream {
        let query: Vec<(String, Template)> =
            raw.query.iter().map(|(name, text)| (name.clone(), self.template(text, Names::STREAM))).collect();
        let path = self.path(&raw.path, Names::STREAM);
        let has = |name: &str| path.has(name) || query.iter().any(|(_, template)| template.has(name));
        let (since, until) = (has("since"), has("until"));
        if raw.polls && !since {
            self.wrong(&raw.name.span(), "a stream that is polled needs {since} in its query");
        }
        if !raw.polls && !raw.backfills {
            self.wrong(&raw.name.span(), "it is never read: expected backfills or polls");
        }
        let pages = self.pages((&raw.rows, &raw.next, &raw.ends_on), &has);
        let total = raw.total.as_ref().map(|text| self.total(text));
        if let Some(window) = &raw.window {
            if !(since && until) {
                self.wrong(&window.begins.span(), "a window needs {since} and {until} in the query");
            }
            if total.is_none() {
                self.wrong(&window.results_max.span(), "a window needs total: by it is seen that it is too large");
            }
        }
        let window = raw.window.as_ref().map(|window| self.window(window));
        let overlap_s = raw.overlap_s.unwrap_or(OVERLAP_S);
        if !(0..=OVERLAP_MAX_S).contains(&overlap_s) {
            self.wrong(&raw.name.span(), format!("overlap_s: expected 0 to {OVERLAP_MAX_S}"));
        }
        Stream {
            name: raw.name.get_ref().clone(),
            thing: self.kind(&raw.thing, things),
            path,
            query,
            pages,
            total,
            window,
            backfills: raw.backfills,
            polls: raw.polls,
            adds_up: raw.adds_up,
            overlap_s,
            time_format: raw.time_format.as_ref().map(|format| self.time_format(format)),
        }
    }

    fn time_format(&mut self, text: &Text) -> String {
        let format = text.get_ref().clone();
        if crate::instant::written(Time(0), Some(&format)).is_none() {
            self.wrong(&text.span(), "expected a form such as %Y-%m-%dT%H:%M:%SZ");
        }
        format
    }

    fn window(&mut self, raw: &file::Window) -> Window {
        let begins = Time::parse(raw.begins.get_ref());
        if begins.is_none() {
            self.wrong(&raw.begins.span(), "expected an instant such as 2011-01-01T00:00:00Z");
        }
        if *raw.results_max.get_ref() == 0 {
            self.wrong(&raw.results_max.span(), "expected at least 1");
        }
        Window { begins: begins.unwrap_or_default(), results_max: *raw.results_max.get_ref() }
    }

    fn total(&mut self, text: &Text) -> Total {
        match text.get_ref().strip_prefix("header ") {
            Some(name) if http::HeaderName::from_bytes(name.trim().to_ascii_lowercase().as_bytes()).is_ok() => {
                Total::Header(name.trim().to_ascii_lowercase())
            }
            Some(_) => {
                self.wrong(&text.span(), "expected header NAME, or an expression");
                Total::Header(String::new())
            }
            None => Total::At(self.expr(text)),
        }
    }

    /// How pages follow each other; `has` says whether a place is in the address.
    pub(super) fn pages(
        &mut self,
        (rows, next, ends_on): (&Text, &Spanned<file::Next>, &[u16]),
        has: &dyn Fn(&str) -> bool,
    ) -> Pages {
        let (span, raw) = (next.span(), next.get_ref());
        let size = raw.size.unwrap_or_default();
        let needs = match raw.by {
            By::Page => Some("page"),
            By::Offset => Some("offset"),
            By::Cursor => Some("cursor"),
            By::Link | By::Url => None,
        };
        if let Some(name) = needs.filter(|name| !has(name)) {
            self.wrong(&span, format!("pages by {name} need {{{name}}} in the query"));
        }
        if matches!(raw.by, By::Page | By::Offset) && !(1..=PAGE_MAX).contains(&size) {
            self.wrong(&span, "expected size: how many a full page has");
        }
        if matches!(raw.by, By::Cursor | By::Url) && raw.at.is_none() {
            self.wrong(&span, "expected at: where an answer says what comes next");
        }
        if raw.at.is_some() && !matches!(raw.by, By::Cursor | By::Url) {
            self.wrong(&span, "at is for pages by cursor or by url");
        }
        Pages {
            rows: self.expr(rows),
            by: raw.by,
            size,
            first: raw.first.unwrap_or(1),
            at: self.maybe(raw.at.as_ref()),
            ends_on: ends_on.to_vec(),
        }
    }
}
