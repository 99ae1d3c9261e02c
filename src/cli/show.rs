//! How answers are shown to people.

use super::target::ClientError;
use serde_json::Value;
use std::io::Write;

/// Writes a line to standard output.
pub fn line(text: &str) -> Result<(), ClientError> {
    writeln!(std::io::stdout().lock(), "{text}").map_err(ClientError::Output)
}

/// Writes JSON with indents.
pub fn json(value: &Value) -> Result<(), ClientError> {
    line(&format!("{value:#}"))
}

/// A value in a cell, without what would break the line.
pub fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writes the items of an answer as a table with tabs.
pub fn table(answer: &Value, columns: &[&str]) -> Result<(), ClientError> {
    line(&columns.join("\t"))?;
    for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
        let cells: Vec<String> = columns.iter().map(|column| cell(item.get(*column))).collect();
        line(&cells.join("\t"))?;
    }
    Ok(())
}

/// Writes what an object says, a key a line; empty ones are left out.
pub fn fields(value: &Value) -> Result<(), ClientError> {
    for (key, value) in value.as_object().into_iter().flatten() {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !empty && !value.as_object().is_some_and(serde_json::Map::is_empty) {
            line(&format!("{key}: {}", cell(Some(value))))?;
        }
    }
    Ok(())
}

/// Writes a segment, its definition in text form last.
pub fn segment(answer: &Value) -> Result<(), ClientError> {
    let mut answer = answer.clone();
    let text = answer.as_object_mut().and_then(|answer| answer.remove("text"));
    fields(&answer)?;
    line("text:")?;
    text.as_ref().and_then(Value::as_str).unwrap_or_default().lines().try_for_each(|part| line(&format!("  {part}")))
}

/// Writes why a person is or is not a member: the tree of conditions, each with its value.
pub fn explanation(answer: &Value, segment: &str) -> Result<(), ClientError> {
    let text = |key: &str| cell(answer.get(key));
    let result = match answer.get("result").and_then(Value::as_str) {
        Some("member") => "is a member",
        Some("not_member") => "is not a member",
        _ => "can't be decided: not a member",
    };
    line(&format!("{} {result} of {segment} (as of {})", text("person"), text("as_of")))?;
    match answer.get("changes_at").and_then(Value::as_str) {
        Some(at) => line(&format!("changes by itself at {at}"))?,
        None => line("does not change by itself")?,
    }
    for text in tree(answer.get("conditions").unwrap_or(&Value::Null), 0) {
        line(&text)?;
    }
    Ok(())
}

fn tree(node: &Value, depth: usize) -> Vec<String> {
    let mark = match node.get("value").and_then(Value::as_str) {
        Some("true") => "yes",
        Some("false") => "no ",
        _ => "?  ",
    };
    let indent = "  ".repeat(depth);
    let until = node.get("until").and_then(Value::as_str).map(|at| format!(" (until {at})")).unwrap_or_default();
    let mut lines = Vec::new();
    for (group, children) in [("all", node.get("all")), ("any", node.get("any"))] {
        if let Some(children) = children.and_then(Value::as_array) {
            lines.push(format!("{mark} {indent}{group} of{until}"));
            lines.extend(children.iter().flat_map(|child| tree(child, depth + 1)));
        }
    }
    if let Some(child) = node.get("not") {
        lines.push(format!("{mark} {indent}not{until}"));
        lines.extend(tree(child, depth + 1));
    }
    if let Some(condition) = node.get("condition") {
        let condition = node.get("text").and_then(Value::as_str).map_or_else(|| condition.to_string(), str::to_owned);
        lines.push(format!("{mark} {indent}{condition}{until}"));
        let found = cell(node.get("found"));
        let currency = node.get("currency").and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("    {indent}found: {found} {currency}").trim_end().to_owned());
        if let Some(amount) = node.get("would_hold_with").and_then(Value::as_str) {
            lines.push(format!("    {indent}would hold with {amount}"));
        }
        let times: Vec<&str> =
            node.get("happenings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if !times.is_empty() {
            lines.push(format!("    {indent}at: {}", times.join(", ")));
        }
    }
    lines
}

/// A live item as a line.
pub fn live(name: &str, data: &str) -> String {
    let Ok(item) = serde_json::from_str::<Value>(data) else { return format!("{name} {data}") };
    let text = |key: &str| cell(item.get(key));
    match name {
        "event" => format!("{}  event  {}  {}  from {}", text("time"), text("person"), text("name"), text("source")),
        "transition" => {
            let (change, segment, cause) = (text("change"), text("segment"), text("cause"));
            format!("{}  {change}  {}  {segment}  ({cause})", text("at"), text("person"))
        }
        _ => format!("({name}: {data} items were lost, the reader is too slow)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reasons_read_as_a_tree() {
        let node = json!({"value": "false", "all": [
            {"value": "true", "condition": {"spent": {"at_least": "5"}}, "found": "7", "currency": "MXN",
             "happenings": ["T1"], "until": "T2"},
            {"value": "false", "not": {"value": "true", "condition": {"event": "x"}, "text": "did x", "found": 1}}]});
        let lines = tree(&node, 0);
        assert_eq!(lines[0], "no  all of");
        assert_eq!(lines[1], "yes   {\"spent\":{\"at_least\":\"5\"}} (until T2)");
        assert_eq!(lines[2], "      found: 7 MXN");
        assert_eq!(lines[3], "      at: T1");
        assert_eq!((lines[4].as_str(), lines[5].as_str()), ("no    not", "yes     did x"));
    }

    #[test]
    fn nothing_breaks_a_line() {
        assert_eq!(cell(Some(&json!("a\tb\nc\u{1b}[31m"))), "a b c [31m");
        let shown =
            live("transition", r#"{"at":"T","change":"entered","person":"p_1","segment":"vip","cause":"time"}"#);
        assert_eq!(shown, "T  entered  p_1  vip  (time)");
        assert_eq!(live("missed", "12"), "(missed: 12 items were lost, the reader is too slow)");
    }
}
