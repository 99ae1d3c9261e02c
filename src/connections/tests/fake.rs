//! A platform in memory, with accounts that can be told to fail, and a daemon's worth of parts around it.

use crate::alerts::Alerts;
use crate::connections::{Asked, ConnectionSettings, Connections};
use crate::control::{Control, Step, StoredApp, Vault};
use crate::shard::api::Core;
use crate::shard::clock::SystemClock;
use crate::shard::options::{LoggedAlerts, ShardOptions};
use crate::shard::shards::Shards;
use crate::store::db::Db;
use crate::sync::{SyncDefaults, SyncService};
use kit::connector::{Connector, Limits};
use kit::failure::Failure;
use kit::install::*;
use kit::platform::{Connection, Platform};
use kit::token::Grant;
use model::{Command, SourceId, WorkspaceId};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What happens at a call.
#[derive(Clone, Debug)]
pub enum Plan {
    /// It is refused or lost before it is carried out.
    Fail(Failure),
    /// It is carried out, and the answer is lost.
    Lose(Failure),
    /// It takes so long.
    Slow(Duration),
    /// Whoever calls is killed before it is carried out.
    KillBefore,
    /// Whoever calls is killed after it was carried out.
    KillAfter,
}

/// An account.
#[derive(Default)]
pub struct Account {
    pub registered: BTreeSet<String>,
    pub plans: BTreeMap<&'static str, VecDeque<Plan>>,
    pub calls: BTreeMap<&'static str, u32>,
    /// Number of the access token and of the refresh token that are good; 0 for none.
    pub access: u32,
    pub refresh: u32,
    /// For how long tokens are good.
    pub lasts: Duration,
    /// Whose the token is, when it is another's.
    pub answers_as: Option<String>,
}

static ACCOUNTS: Mutex<BTreeMap<String, Account>> = Mutex::new(BTreeMap::new());

/// Looks at an account, or changes it.
pub fn account<T>(name: &str, look: impl FnOnce(&mut Account) -> T) -> T {
    let mut accounts: MutexGuard<'_, _> = ACCOUNTS.lock().unwrap();
    look(accounts.entry(name.to_owned()).or_default())
}

/// Plans what happens at the next calls of a kind.
pub fn plan(name: &str, call: &'static str, plans: &[Plan]) {
    account(name, |account| account.plans.insert(call, plans.iter().cloned().collect()));
}

/// One call: what was planned for it happens around `effect`.
async fn call<T>(name: &str, kind: &'static str, effect: impl FnOnce(&mut Account) -> T) -> Result<T, Failure> {
    let planned = account(name, |account| {
        *account.calls.entry(kind).or_default() += 1;
        account.plans.get_mut(kind).and_then(VecDeque::pop_front)
    });
    match planned {
        None => Ok(account(name, effect)),
        Some(Plan::Fail(failure)) => Err(failure),
        Some(Plan::Lose(failure)) => {
            account(name, effect);
            Err(failure)
        }
        Some(Plan::Slow(wait)) => {
            tokio::time::sleep(wait).await;
            Ok(account(name, effect))
        }
        Some(Plan::KillBefore) => std::future::pending().await,
        Some(Plan::KillAfter) => {
            account(name, effect);
            std::future::pending().await
        }
    }
}

fn grant(account: &mut Account) -> Grant {
    account.access += 1;
    account.refresh += 1;
    Grant {
        access: format!("a{}", account.access).into(),
        expires_in: Some(account.lasts),
        refresh: Some(format!("r{}", account.refresh).into()),
        refresh_expires_in: None,
        scopes: Some(vec!["read".to_owned()]),
        extra: Map::new(),
    }
}

/// A platform; its refresh tokens may be used again when the answer was lost, or not.
pub struct Fake(RefreshReuse);

#[async_trait::async_trait]
impl Install for Fake {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::OAuth, Way::ApiKey],
            account_first: true,
            scopes: &["read"],
            refresh_reuse: self.0,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        Ok(typed.to_lowercase())
    }

    fn authorize(&self, _platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        let parameters = [("state", request.state), ("shop", request.account), ("to", request.redirect_uri)];
        Url::parse_with_params("http://platform.example/authorize", parameters)
            .map_err(|why| Failure::Refused(why.to_string()))
    }

    fn callback(&self, _platform: &Platform, query: &[(String, String)], _now: i64) -> Result<Callback, Failure> {
        let get = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        match (get("code"), get("state"), get("sig").as_deref()) {
            (Some(code), Some(state), Some("right")) => Ok(Callback { code: code.into(), state, account: get("shop") }),
            _ => Err(Failure::Refused("the signature is wrong".to_owned())),
        }
    }

    fn arrival(&self, _: &Platform, query: &[(String, String)], _: i64) -> Option<Result<String, Failure>> {
        query.iter().find(|(key, _)| key == "shop").map(|(_, shop)| Ok(shop.clone()))
    }

    async fn exchange(&self, _: &Platform, _: &SecretString, begun: &AuthorizeRequest<'_>) -> Result<Grant, Failure> {
        call(begun.account, "exchange", grant).await
    }

    async fn refresh(&self, _: &Platform, name: &str, refresh: &SecretString) -> Result<Grant, Failure> {
        let number: u32 = refresh.expose_secret().trim_start_matches('r').parse().unwrap();
        let reuse = self.0 == RefreshReuse::UntilNewIsUsed;
        let good = account(name, |account| {
            number != 0 && (account.refresh == number || (reuse && account.refresh == number + 1))
        });
        if !good {
            return Err(Failure::NeedsAuthorization("invalid_grant".to_owned()));
        }
        call(name, "refresh", grant).await
    }

    async fn identify(&self, connection: &Connection, granted: Option<&[String]>) -> Result<Identified, Failure> {
        let name = connection.account.clone();
        call(&name, "identify", |_| ()).await?;
        let whose = account(&name, |account| account.answers_as.clone()).unwrap_or(name);
        Ok(Identified {
            name: format!("The shop {whose}"),
            account: whose,
            details: Map::new(),
            scopes: granted.unwrap_or_default().to_vec(),
            missing: Vec::new(),
        })
    }

    async fn register(&self, connection: &Connection) -> Result<Registered, Failure> {
        let made = call(&connection.account, "register", |account| account.registered.insert("orders".to_owned()));
        let made = if made.await? { vec!["orders".to_owned()] } else { Vec::new() };
        Ok(Registered { made, ..Registered::default() })
    }

    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        call(&connection.account, "unregister", |account| account.registered.clear()).await
    }
}

const fn connector(name: &'static str, install: &'static dyn Install) -> Connector {
    Connector { name, limits: Limits::USUAL, install: Some(install), receive: None, poll: None, sync: None }
}

/// The connectors of these tests.
pub static FAKES: &[Connector] =
    &[connector("again", &Fake(RefreshReuse::UntilNewIsUsed)), connector("once", &Fake(RefreshReuse::Never))];

/// The parts of a daemon over a folder.
pub struct Parts {
    pub connections: Arc<Connections>,
    pub alerts: Arc<Alerts>,
    sync: Arc<SyncService>,
    shards: Arc<Shards>,
}

impl Parts {
    /// Opens them; connections don't live yet.
    pub async fn open(dir: &Path) -> Parts {
        let db = Db::open(&dir.join("store"), 8 << 20).unwrap();
        let alerts = Arc::new(Alerts::default());
        let runtime = tokio::runtime::Handle::current();
        let sync = SyncService::open(db.clone(), Arc::clone(&alerts), SyncDefaults::default(), runtime).unwrap();
        let mut options = ShardOptions::in_dir(dir.join("log"));
        options.limits.free_space_reserve_bytes = 0;
        let sink = Arc::clone(&sync) as Arc<dyn crate::shard::api::EffectSink>;
        let shards = Shards::open(db.clone(), options, Arc::new(SystemClock), sink, Arc::new(LoggedAlerts)).unwrap();
        let shards = Arc::new(shards);
        let create = Command::WorkspacePut {
            name: "Shop".to_owned(),
            time_zone: "UTC".to_owned(),
            currency: "MXN".to_owned(),
            retention_days: 1095,
            crowded_links_max: 10,
        };
        let accepted = shards.submit(&workspace(), vec![create]).await.unwrap();
        shards.applied(&workspace(), accepted.position).await.unwrap();
        let control = Arc::new(Control::open(db, Vault::open(&dir.join("key")).unwrap()).unwrap());
        let settings = ConnectionSettings {
            connectors: FAKES,
            public_url: "http://127.0.0.1:1".to_owned(),
            addresses: FAKES.iter().map(|fake| (fake.name.to_owned(), "http://127.0.0.1:1".to_owned())).collect(),
            connector_settings: BTreeMap::new(),
            allow_private: true,
            exports_dir: dir.join("exports"),
        };
        let core = Arc::clone(&shards) as Arc<dyn Core>;
        let connections = Connections::open(control, core, Arc::clone(&sync), Arc::clone(&alerts), settings).unwrap();
        for fake in FAKES {
            let app = StoredApp {
                connector: fake.name.to_owned(),
                client_id: "c".to_owned(),
                secrets: vec!["s".into()],
                settings: Map::new(),
            };
            connections.set_app(&app).unwrap();
        }
        Parts { connections, alerts, sync, shards }
    }

    /// Ends everything where it is, as a kill does: no call that hangs is waited for.
    pub async fn kill(self) {
        let Parts { connections, alerts, sync, shards } = self;
        connections.close().await;
        drop((connections, alerts));
        sync.close().await;
        tokio::task::spawn_blocking(move || shards.abandon()).await.unwrap();
    }

    /// Waits until the connection is at a step.
    pub async fn until(&self, id: &str, step: Step) {
        let begun = Instant::now();
        loop {
            let record = self.connections.record(&workspace(), &SourceId::from(id)).unwrap();
            if record.step == step {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{id} stays at {record:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until an account was called so often.
    pub async fn called(&self, name: &str, kind: &'static str, times: u32) {
        let begun = Instant::now();
        while account(name, |account| account.calls.get(kind).copied().unwrap_or(0)) < times {
            assert!(begun.elapsed() < Duration::from_secs(20), "{name}: no {kind}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub fn workspace() -> WorkspaceId {
    WorkspaceId::from("shop")
}

/// A connection that is asked for.
pub fn asked(id: &str, connector: &str, name: &str) -> Asked {
    account(name, |account| account.lasts = Duration::from_secs(3600));
    Asked {
        id: SourceId::from(id),
        connector: connector.to_owned(),
        account: Some(name.to_owned()),
        api_key: None,
        region: None,
        settings: Map::new(),
    }
}
