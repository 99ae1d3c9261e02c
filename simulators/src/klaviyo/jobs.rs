//! Bulk imports: queued, processed and complete after their time, with an error for each profile that fails.

use super::problem::Problem;
use super::profile::structure;
use super::query::{Query, address};
use super::world::World;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Profiles of one import.
const PROFILES_MAX: usize = 10_000;
const FIELDS: [&str; 8] = [
    "status",
    "created_at",
    "total_count",
    "completed_count",
    "failed_count",
    "completed_at",
    "expires_at",
    "started_at",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Queued,
    Processing,
    Complete,
    Cancelled,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Processing => "processing",
            Status::Complete => "complete",
            Status::Cancelled => "cancelled",
        }
    }
}

/// A bulk import.
pub(super) struct Job {
    number: u64,
    status: Status,
    created: Timestamp,
    starts: Instant,
    ends: Instant,
    cancels: bool,
    list: Option<String>,
    profiles: Vec<Value>,
    total: usize,
    errors: Vec<Value>,
}

impl World {
    pub(super) fn import(&mut self, body: &Value) -> Result<Value, Problem> {
        let data = &body["data"];
        if data["type"] != "profile-bulk-import-job" {
            return Err(Problem::invalid("The type must be 'profile-bulk-import-job'.", "/data/type"));
        }
        let place = "/data/attributes/profiles/data";
        let profiles = data["attributes"]["profiles"]["data"].as_array().filter(|profiles| !profiles.is_empty());
        let profiles = profiles.ok_or_else(|| Problem::invalid("'profiles' is a required field.", place))?;
        if profiles.len() > PROFILES_MAX {
            return Err(Problem::invalid("A maximum of 10000 profiles is allowed per call.", place));
        }
        for (at, profile) in profiles.iter().enumerate() {
            structure(profile, &format!("{place}/{at}"))?;
        }
        let list = match data["relationships"]["lists"]["data"].as_array().map(Vec::as_slice) {
            None | Some([]) => None,
            Some([one]) if one["type"] == "list" => one["id"].as_str().map(str::to_owned),
            Some(_) => return Err(Problem::invalid("Only one list is allowed.", "/data/relationships/lists")),
        };
        if let Some(list) = list.as_ref().filter(|list| !self.lists.contains_key(*list)) {
            return Err(Problem::not_found("list", list, "/data/relationships/lists/data/0/id"));
        }
        let (number, now, step) = (self.next(), Instant::now(), self.options.job_step);
        let id = format!("am9iOj{number:06}");
        let job = Job {
            number,
            status: Status::Queued,
            created: Timestamp::now(),
            starts: now + step,
            ends: now + 2 * step,
            cancels: std::mem::take(&mut self.cancel_next),
            list,
            total: profiles.len(),
            profiles: profiles.clone(),
            errors: Vec::new(),
        };
        let shown = self.shown_job(&id, &job);
        self.jobs.insert(id, job);
        Ok(json!({ "data": shown }))
    }

    /// Brings every import to where it is by now.
    pub(super) fn advance(&mut self) {
        let now = Instant::now();
        let due: Vec<String> = self
            .jobs
            .iter()
            .filter(|(_, job)| matches!(job.status, Status::Queued | Status::Processing) && job.starts <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let Some(mut job) = self.jobs.remove(&id) else { continue };
            job.status = Status::Processing;
            if job.ends <= now && job.cancels {
                (job.status, job.profiles) = (Status::Cancelled, Vec::new());
            } else if job.ends <= now {
                self.process(&mut job);
                job.status = Status::Complete;
            }
            self.jobs.insert(id, job);
        }
    }

    fn process(&mut self, job: &mut Job) {
        for (at, profile) in std::mem::take(&mut job.profiles).into_iter().enumerate() {
            match self.upsert(&profile) {
                Ok((id, _)) => {
                    if let Some(list) = &job.list {
                        self.put_member(list, &id);
                    }
                }
                Err((field, code, why)) => {
                    let number = self.next();
                    let pointer = format!("/data/attributes/profiles/data/{at}/attributes/{field}");
                    let (pointer, payload) =
                        if self.telling { (pointer, profile.clone()) } else { ("/data".to_owned(), Value::Null) };
                    let attributes = json!({ "code": code, "title": "Invalid input.", "detail": why,
                        "source": { "pointer": pointer }, "original_payload": payload });
                    let id = format!("e4eebb08-b055-4a6f-bb13-{number:012}");
                    job.errors.push(json!({ "type": "import-error", "id": id, "attributes": attributes }));
                }
            }
        }
    }

    fn shown_job(&self, id: &str, job: &Job) -> Value {
        let over = job.status == Status::Complete;
        let time = |seconds: i64| {
            let at = Timestamp::from_second(job.created.as_second() + seconds).unwrap_or(job.created);
            json!(at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
        };
        let failed = job.errors.len();
        let attributes = json!({
            "status": job.status.name(),
            "created_at": time(0),
            "total_count": job.total,
            "completed_count": if over { job.total - failed } else { 0 },
            "failed_count": failed,
            "started_at": if job.status == Status::Queued { Value::Null } else { time(0) },
            "completed_at": if over { time(0) } else { Value::Null },
            "expires_at": time(7 * 86_400),
        });
        let itself = format!("{}/api/profile-bulk-import-jobs/{id}/", self.base);
        json!({ "type": "profile-bulk-import-job", "id": id, "attributes": attributes, "links": { "self": itself } })
    }

    pub(super) fn job_get(&mut self, id: &str, query: &Query) -> Result<Value, Problem> {
        query.only(&["fields[profile-bulk-import-job]", "fields[list]", "include"])?;
        query.fields("fields[profile-bulk-import-job]", &FIELDS)?;
        self.advance();
        let job = self.jobs.get(id).ok_or_else(|| Problem::not_found("profile-bulk-import-job", id, ""))?;
        Ok(json!({ "data": self.shown_job(id, job) }))
    }

    pub(super) fn job_list(&mut self, query: &Query) -> Result<Value, Problem> {
        query.only(&["fields[profile-bulk-import-job]", "filter", "page[size]", "page[cursor]", "sort"])?;
        query.fields("fields[profile-bulk-import-job]", &FIELDS)?;
        self.advance();
        let (size, after) = (query.size(20, 100)?, query.cursor()? as usize);
        let filter = query.filter(&["status"])?;
        let mut all: Vec<(&String, &Job)> = self.jobs.iter().collect();
        all.sort_by_key(|(_, job)| job.number);
        if query.get("sort") == Some("-created_at") {
            all.reverse();
        }
        let name = |job: &Job| job.status.name().to_owned();
        let fits = |job: &Job| filter.as_ref().is_none_or(|filter| filter.values.contains(&name(job)));
        let data: Vec<Value> =
            all.into_iter().filter(|(_, job)| fits(job)).map(|(id, job)| self.shown_job(id, job)).collect();
        let more = data.len() > after + size;
        let page = data.into_iter().skip(after).take(size).collect();
        Ok(self.page(page, "/api/profile-bulk-import-jobs", query, more.then_some((after + size) as u64)))
    }

    pub(super) fn job_errors(&mut self, id: &str, query: &Query) -> Result<Value, Problem> {
        query.only(&["fields[import-error]", "page[size]", "page[cursor]"])?;
        self.advance();
        let job = self.jobs.get(id).ok_or_else(|| Problem::not_found("profile-bulk-import-job", id, ""))?;
        let (size, after) = (query.size(20, 100)?, query.cursor()? as usize);
        let page: Vec<Value> = job.errors.iter().skip(after).take(size).cloned().collect();
        let path = format!("/api/profile-bulk-import-jobs/{id}/import-errors");
        let next =
            (job.errors.len() > after + size).then(|| address(&self.base, &path, query, Some((after + size) as u64)));
        let mut links = json!({ "self": address(&self.base, &path, query, None) });
        if let Some(next) = next {
            links["next"] = next.into();
        }
        Ok(json!({ "data": page, "links": links }))
    }
}
