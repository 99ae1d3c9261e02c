//! From the file to a description: everything is looked at, and everything that is wrong is told.

mod lists;
mod names;
mod receiving;
mod streams;
mod things;

use crate::description::{BodyTemplate, Call, Calls, Description, Hooks, Install, Limit, OAuth, Status};
use crate::expression::{self, Expr};
use crate::file::{self, File, Problem, Problems, Text, Texts, problem};
use crate::template::Template;
use names::Names;
use std::ops::Range;
use toml::Spanned;

/// Bytes of a file.
const FILE_BYTES_MAX: usize = 1 << 20;
/// The version of the form that this reads.
const FORMAT: u32 = 1;
/// Calls a second and at the same time.
const CALLS_PER_SECOND_MAX: u32 = 100;
const CALLS_AT_ONCE_MAX: usize = 32;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 40;

/// Reads a description; `file` is its name in what is told.
///
/// # Errors
/// Everything that is wrong with it, each with its line and column.
pub fn read(file: &str, text: &str) -> Result<Description, Problems> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Problems(vec![problem::at(file, "", 0, format!("at most {FILE_BYTES_MAX} bytes"))]));
    }
    let raw: File = toml::from_str(text).map_err(|why| Problems(vec![problem::of_toml(file, text, &why)]))?;
    let mut compiler = Compiler { file, text, problems: Vec::new() };
    let description = compiler.description(raw);
    let mut problems = compiler.problems;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    if problems.is_empty() { Ok(description) } else { Err(Problems(problems)) }
}

pub(super) struct Compiler<'t> {
    file: &'t str,
    text: &'t str,
    problems: Vec<Problem>,
}

/// What can stand in for what is wrong: nobody sees it, for then there is no description.
fn nothing() -> Expr {
    match expression::compile("@") {
        Ok(expr) => expr,
        Err(why) => unreachable!("{why:?}"),
    }
}

impl Compiler<'_> {
    fn wrong(&mut self, span: &Range<usize>, what: impl Into<String>) {
        self.problems.push(problem::at(self.file, self.text, span.start, what.into()));
    }

    /// The byte of the file at which a character of a text stands.
    fn byte_of(&self, text: &Text, chars: usize) -> usize {
        let span = text.span();
        let written = self.text.get(span.clone()).unwrap_or_default();
        let value = text.get_ref();
        // Of a text with escapes only the beginning is known.
        match written.find(value.as_str()).filter(|_| !value.is_empty()) {
            Some(quotes) => {
                let bytes = value.char_indices().nth(chars).map_or(value.len(), |(byte, _)| byte);
                span.start + quotes + bytes
            }
            None => span.start,
        }
    }

    fn expr(&mut self, text: &Text) -> Expr {
        match expression::compile(text.get_ref()) {
            Ok(expr) => expr,
            Err(why) => {
                let place = self.byte_of(text, why.offset);
                self.problems.push(problem::at(self.file, self.text, place, why.why));
                nothing()
            }
        }
    }

    fn maybe(&mut self, text: Option<&Text>) -> Option<Expr> {
        text.map(|text| self.expr(text))
    }

    fn exprs(&mut self, texts: &Texts) -> Vec<(String, Expr)> {
        texts.iter().map(|(name, text)| (name.clone(), self.expr(text))).collect()
    }

    fn template(&mut self, text: &Text, names: Names) -> Template {
        match Template::read(text.get_ref(), &|name| names.knows(name)) {
            Ok(template) => template,
            Err(why) => {
                let place = self.byte_of(text, why.offset);
                self.problems.push(problem::at(self.file, self.text, place, why.why));
                Template::default()
            }
        }
    }

    /// A template of an address behind the platform's own: it begins with a slash.
    fn path(&mut self, text: &Text, names: Names) -> Template {
        if !text.get_ref().starts_with('/') {
            self.wrong(&text.span(), "expected a path that begins with /");
        }
        self.template(text, names)
    }

    fn header_name(&mut self, text: &Text) -> String {
        let name = text.get_ref().to_ascii_lowercase();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.wrong(&text.span(), "expected the name of a header");
        }
        name
    }

    fn body(&mut self, table: &Spanned<toml::Table>, names: Names) -> BodyTemplate {
        let (span, value) = (table.span(), toml::Value::Table(table.get_ref().clone()));
        self.body_value(&span, &value, names)
    }

    fn body_value(&mut self, span: &Range<usize>, value: &toml::Value, names: Names) -> BodyTemplate {
        match value {
            toml::Value::String(text) => self.body_text(span, text, names),
            toml::Value::Array(items) => {
                BodyTemplate::List(items.iter().map(|item| self.body_value(span, item, names)).collect())
            }
            toml::Value::Table(fields) => {
                let one = |(name, value): (&String, &_)| (name.clone(), self.body_value(span, value, names));
                BodyTemplate::Object(fields.iter().map(one).collect())
            }
            toml::Value::Boolean(flag) => BodyTemplate::Plain((*flag).into()),
            toml::Value::Integer(number) => BodyTemplate::Plain((*number).into()),
            toml::Value::Float(_) | toml::Value::Datetime(_) => {
                self.wrong(span, "a body holds texts, whole numbers, true, false, lists and objects");
                BodyTemplate::Plain(serde_json::Value::Null)
            }
        }
    }

    fn body_text(&mut self, span: &Range<usize>, text: &str, names: Names) -> BodyTemplate {
        let inner = text.strip_prefix("{").and_then(|rest| rest.strip_suffix(":number}"));
        let plain = inner.map_or_else(|| text.to_owned(), |name| format!("{{{name}}}"));
        match Template::read(&plain, &|name| names.knows(name)) {
            Ok(template) => match (template.only(), inner) {
                (Some(name), Some(_)) => BodyTemplate::Number(name.to_owned()),
                (Some(name), None) => BodyTemplate::Whole(name.to_owned()),
                _ => BodyTemplate::Text(template),
            },
            Err(why) => {
                self.wrong(span, why.why);
                BodyTemplate::Plain(serde_json::Value::Null)
            }
        }
    }

    fn call(&mut self, call: &file::Call, names: Names) -> Call {
        let path = self.path(&call.path, names);
        let body = call.body.as_ref().map(|body| self.body(body, names));
        Call { method: call.method, path, body }
    }

    fn description(&mut self, raw: File) -> Description {
        if *raw.format.get_ref() != FORMAT {
            self.wrong(&raw.format.span(), format!("expected format {FORMAT}"));
        }
        let name = raw.name.get_ref().clone();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            self.wrong(&raw.name.span(), "expected a name of lower-case letters, digits and -, at most 40 characters");
        }
        let things = self.things(&raw.things);
        let description = Description {
            name,
            title: raw.title,
            calls: self.calls(&raw.calls),
            install: self.install(&raw.install),
            receive: raw.receive.as_ref().map(|receive| self.receive(receive, &raw.things)),
            streams: self.streams(&raw.streams, &raw.things),
            things,
            list: raw.list.as_ref().map(|list| self.list(list)),
        };
        if description.receive.is_none() && description.streams.is_empty() && description.list.is_none() {
            self.wrong(&raw.name.span(), "nothing is described: expected [receive], [[streams]] or [list]");
        }
        description
    }

    fn calls(&mut self, raw: &file::Calls) -> Calls {
        if !raw.address.get_ref().starts_with("https://") {
            self.wrong(&raw.address.span(), "expected an address that begins with https://");
        }
        if !(1..=CALLS_PER_SECOND_MAX).contains(raw.calls_per_second.get_ref()) {
            self.wrong(&raw.calls_per_second.span(), format!("expected 1 to {CALLS_PER_SECOND_MAX}"));
        }
        if !(1..=CALLS_AT_ONCE_MAX).contains(raw.calls_at_once.get_ref()) {
            self.wrong(&raw.calls_at_once.span(), format!("expected 1 to {CALLS_AT_ONCE_MAX}"));
        }
        let mut headers = Vec::new();
        for (name, text) in &raw.headers {
            let lower = name.to_ascii_lowercase();
            if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
                self.wrong(&text.span(), format!("{name} is no name of a header"));
            }
            headers.push((lower, self.template(text, Names::HEADER)));
        }
        if !headers.iter().any(|(_, template)| template.has("token")) {
            self.wrong(&raw.address.span(), "no header carries the {token}: add one under [calls.headers]");
        }
        let statuses = raw.statuses.iter().map(|rule| {
            if !(300..=599).contains(rule.status.get_ref()) {
                self.wrong(&rule.status.span(), "expected a status of 300 to 599");
            }
            let when = self.maybe(rule.when.as_ref());
            Status { status: *rule.status.get_ref(), when, means: rule.means, why: rule.why.clone() }
        });
        let statuses = statuses.collect();
        let limit = raw.limit.as_ref().map(|limit| Limit {
            remaining: limit.remaining.as_ref().map(|name| self.header_name(name)),
            reset: self.header_name(&limit.reset),
            unit: limit.unit,
        });
        Calls {
            address: self.template(&raw.address, Names::ADDRESS),
            calls_per_second: *raw.calls_per_second.get_ref(),
            calls_at_once: *raw.calls_at_once.get_ref(),
            headers,
            words: self.maybe(raw.words.as_ref()),
            limit,
            statuses,
        }
    }

    fn install(&mut self, raw: &file::Install) -> Install {
        let identify = &raw.identify;
        if raw.oauth.is_none() && raw.api_key.is_none() {
            self.wrong(&identify.path.span(), "nobody can connect: expected [install.oauth] or [install.api_key]");
        }
        Install {
            signs: raw.account.signs,
            example: raw.account.example.clone(),
            first: raw.account.first,
            oauth: raw.oauth.as_ref().map(|oauth| self.oauth(oauth)),
            api_key: raw.api_key.is_some(),
            path: self.path(&identify.path, Names::ADDRESS),
            account: self.expr(&identify.account),
            name: self.expr(&identify.name),
            details: self.exprs(&identify.details),
            hooks: raw.hooks.as_ref().map(|hooks| self.hooks(hooks)),
        }
    }

    fn oauth(&mut self, raw: &file::OAuth) -> OAuth {
        for address in [&raw.authorize, &raw.token] {
            if !address.get_ref().starts_with("https://") {
                self.wrong(&address.span(), "expected an address that begins with https://");
            }
        }
        let authorize = self.template(&raw.authorize, Names::AUTHORIZE);
        if !authorize.has("state") {
            self.wrong(
                &raw.authorize.span(),
                "the address needs {state}: without it anybody could end an authorization",
            );
        }
        OAuth {
            authorize,
            token: self.template(&raw.token, Names::ADDRESS),
            body: raw.body,
            account: self.maybe(raw.account.as_ref()),
            refresh_once: raw.refresh_once,
            scopes: raw.scopes.clone(),
            implies: raw.implies.clone(),
        }
    }

    fn hooks(&mut self, raw: &file::Hooks) -> Hooks {
        Hooks {
            topics: raw.topics.clone(),
            list: self.path(&raw.list, Names::HOOK),
            rows: self.expr(&raw.rows),
            id: self.expr(&raw.id),
            url: self.expr(&raw.url),
            topic: self.expr(&raw.topic),
            make: self.call(&raw.make, Names::HOOK),
            remove: self.call(&raw.remove, Names::HOOK),
            secret: self.maybe(raw.secret.as_ref()),
        }
    }
}
