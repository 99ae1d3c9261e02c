//! The requests, as plain functions.

use crate::denied::{Denied, classify, lacks, refuses_token};
use crate::fields::written;
use crate::wire::{Claim, Collection, Missed, Order, Pack, Paged, Question, Questions, User};
use kit::api::bearer;
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::{Connection, Platform};
use model::Time;
use serde::de::DeserializeOwned;
use std::time::Duration;

const ADDRESS: &str = "https://api.mercadolibre.com";
/// Orders and questions of one page; what is documented, and no more is given.
pub(crate) const PAGE_MAX: usize = 50;
/// Claims of one page.
pub(crate) const CLAIMS_MAX: usize = 30;
/// Lost notifications of one page.
pub(crate) const MISSED_MAX: usize = 10;
/// Bytes of one answer: 50 orders with their articles.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// A call that is throttled is made this often before it is left for later.
const TRIES: u32 = 4;
/// No longer wait is made within a call.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The first wait where the answer asks for none.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// Parts of an order without which nothing is said of it.
const PARTS: [&str; 4] = ["buyer", "payments", "order_items", "seller"];

/// Where the API is.
pub(crate) fn base(platform: &Platform) -> String {
    platform.base("", ADDRESS)
}

/// A seller's API through a connection.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a>(pub(crate) &'a Connection);

/// A page of orders.
pub(crate) struct Orders {
    pub(crate) rows: Vec<Order>,
    /// Rows that came, also those that can't be read.
    pub(crate) came: usize,
    /// How many there are on all pages.
    pub(crate) total: Option<u64>,
    /// Whether parts are missing for now: what is said is to be read again.
    pub(crate) partial: bool,
}

/// What a search of orders asks for.
pub(crate) struct Window<'w> {
    /// Of their last change; whole hours.
    pub(crate) from: Time,
    pub(crate) to: Time,
    /// A status that a search does not show otherwise.
    pub(crate) status: Option<&'w str>,
}

impl Api<'_> {
    async fn send(&self, request: Request) -> Result<Answer, Denied> {
        let (api, mut tried) = (&self.0.api, 1);
        loop {
            let answer = api.send_judged(request.clone(), bearer, refuses_token).await?;
            if answer.status != 429 || tried >= TRIES || answer.retry_after.is_some_and(|wait| wait > WAIT_MAX) {
                return classify(answer);
            }
            // Nobody says how long: longer each time, and all calls of the seller with it.
            api.pace().block_for(answer.retry_after.unwrap_or(WAIT_FIRST * 2_u32.pow(tried - 1)));
            tried += 1;
        }
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, Denied> {
        let mut url = format!("{}{path}", base(&self.0.platform));
        if !query.is_empty() {
            let pairs = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            url = format!("{url}?{pairs}");
        }
        let mut request = Request::get(url).header("accept", "application/json");
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        self.send(request).await
    }

    /// One thing's answer; `None` when it is not there, or another's, or its number is none.
    async fn seen(&self, path: &str, query: &[(&str, String)]) -> Result<Option<Answer>, Failure> {
        match self.get(path, query).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Denied::Missing(_) | Denied::NotOurs(_) | Denied::Invalid(_)) => Ok(None),
            Err(denied) => Err(denied.into()),
        }
    }

    async fn one<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<Option<T>, Failure> {
        self.seen(path, query).await?.map(|answer| answer.json()).transpose()
    }

    /// `GET /users/me`: whose the token is.
    pub(crate) async fn me(&self) -> Result<User, Failure> {
        self.get("/users/me", &[]).await?.json()
    }

    /// `GET /orders/{id}`
    pub(crate) async fn order(&self, id: &str) -> Result<Option<Order>, Failure> {
        let Some(answer) = self.seen(&format!("/orders/{id}"), &[]).await? else { return Ok(None) };
        if lacks(&answer, &PARTS) {
            return Err(Failure::retry("the platform can't show the whole order for now", None));
        }
        answer.json().map(Some)
    }

    /// `GET /packs/{id}`: the orders of a cart.
    pub(crate) async fn pack(&self, id: &str) -> Result<Option<Vec<String>>, Failure> {
        let pack: Option<Pack> = self.one(&format!("/packs/{id}"), &[]).await?;
        Ok(pack.map(|pack| pack.orders.into_iter().filter_map(|order| order.id).collect()))
    }

    /// `GET /collections/{id}`: the order that a payment is for.
    pub(crate) async fn order_of_payment(&self, id: &str) -> Result<Option<String>, Failure> {
        let found: Option<Collection> = self.one(&format!("/collections/{id}"), &[]).await?;
        Ok(found.and_then(|found| found.order_id.or(found.collection.order_id)))
    }

    /// `GET /post-purchase/v1/claims/{id}`
    pub(crate) async fn claim(&self, id: &str) -> Result<Option<Claim>, Failure> {
        self.one(&format!("/post-purchase/v1/claims/{id}"), &[]).await
    }

    /// `GET /questions/{id}`
    pub(crate) async fn question(&self, id: &str) -> Result<Option<Question>, Failure> {
        self.one(&format!("/questions/{id}"), &[("api_version", "4".to_owned())]).await
    }

    /// `GET /orders/search`: a page of the seller's orders of a window.
    pub(crate) async fn orders(&self, window: &Window<'_>, offset: usize) -> Result<Orders, Denied> {
        let mut query = vec![
            ("seller", self.0.account.clone()),
            ("order.date_last_updated.from", written(window.from)),
            ("order.date_last_updated.to", written(window.to)),
            ("sort", "date_asc".to_owned()),
            ("offset", offset.to_string()),
            ("limit", PAGE_MAX.to_string()),
        ];
        query.extend(window.status.map(|status| ("order.status", status.to_owned())));
        let answer = self.get("/orders/search", &query).await?;
        let paged: Paged = answer.json()?;
        let (came, total) = (paged.results.len(), paged.paging.total);
        let rows = paged.results.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        Ok(Orders { rows, came, total, partial: lacks(&answer, &PARTS) })
    }

    /// `GET /post-purchase/v1/claims/search`: claims by their last change, the oldest first.
    pub(crate) async fn claims(
        &self,
        after: Time,
        before: Time,
        offset: usize,
    ) -> Result<(Vec<Claim>, usize), Failure> {
        let query = [
            ("players.user_id", self.0.account.clone()),
            ("players.role", "respondent".to_owned()),
            ("range", format!("last_updated:after:{},before:{}", written(after), written(before))),
            ("sort", "last_updated:asc".to_owned()),
            ("offset", offset.to_string()),
            ("limit", CLAIMS_MAX.to_string()),
        ];
        let paged: Paged = self.get("/post-purchase/v1/claims/search", &query).await?.json()?;
        let came = paged.data.len();
        Ok((paged.data.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect(), came))
    }

    /// `GET /questions/search`: a page of questions to the seller, the newest first.
    pub(crate) async fn questions(&self, offset: usize) -> Result<(Vec<Question>, usize, Option<u64>), Denied> {
        let query = [
            ("seller_id", self.0.account.clone()),
            ("api_version", "4".to_owned()),
            ("sort_fields", "date_created".to_owned()),
            ("sort_types", "DESC".to_owned()),
            ("offset", offset.to_string()),
            ("limit", PAGE_MAX.to_string()),
        ];
        let page: Questions = self.get("/questions/search", &query).await?.json()?;
        let read = page.questions.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        Ok((read, page.questions.len(), page.total))
    }

    /// `GET /missed_feeds`: a page of notifications that the platform gave up, each as it was sent.
    pub(crate) async fn missed(&self, app: &str, offset: usize) -> Result<Vec<Vec<u8>>, Failure> {
        let query = [("app_id", app.to_owned()), ("offset", offset.to_string()), ("limit", MISSED_MAX.to_string())];
        let page: Missed = self.get("/missed_feeds", &query).await?.json()?;
        Ok(page.messages.iter().map(|raw| raw.get().as_bytes().to_vec()).collect())
    }
}
