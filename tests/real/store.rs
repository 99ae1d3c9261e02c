//! A Vendure store, used as its customers and its owner use it: through its shop API and its admin API.

use super::process::{Process, run};
use crate::support::{client, free_port};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const OWNER: &str = "owner";
const PASSWORD: &str = "p4ss-of-the-owner";
/// Two bags and the way: 377.40.
pub const COFFEE: Goods = Goods { variant: "1", quantity: 2 };
/// One cup and the way: 203.28.
pub const CUP: Goods = Goods { variant: "3", quantity: 1 };

/// What is bought.
#[derive(Clone, Copy)]
pub struct Goods {
    variant: &'static str,
    quantity: u32,
}

/// Who buys, and what they say of marketing, if they are asked.
#[derive(Clone)]
pub struct Guest {
    pub email: String,
    pub phone: String,
    pub accepts: Option<bool>,
}

/// An order that was placed.
#[derive(Clone, Debug)]
pub struct Placed {
    pub id: String,
    pub total: i64,
}

pub struct Store {
    pub address: String,
    installed: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
    owner: String,
}

/// Puts what is ours beside the store's packages, as an operator installs it.
fn install(installed: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plugin = installed.join("node_modules/segmentd-vendure-plugin");
    std::fs::create_dir_all(&plugin).unwrap();
    let ours = [
        ("connectors/vendure/plugin/index.js", plugin.join("index.js")),
        ("connectors/vendure/plugin/package.json", plugin.join("package.json")),
        ("tests/real/store.cjs", installed.join("store.cjs")),
        ("tests/real/catalogue.csv", installed.join("catalogue.csv")),
    ];
    for (from, to) in ours {
        std::fs::copy(root.join(from), to).unwrap();
    }
}

impl Store {
    /// Starts a store with a catalogue and no orders.
    pub async fn start(installed: &Path, folder: &Path) -> Store {
        let (installed, folder, port) = (installed.join("store"), folder.join("store"), free_port());
        std::fs::create_dir_all(&folder).unwrap();
        install(&installed);
        let address = format!("http://127.0.0.1:{port}");
        let mut store = Store { address, installed, folder, port, process: None, owner: String::new() };
        run(store.command("seed").current_dir(&store.folder));
        store.open().await;
        store
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.installed.join("store.cjs")).arg(what).current_dir(&self.folder);
        command.env("VENDURE_DISABLE_TELEMETRY", "true").env("PORT", self.port.to_string());
        command.env("STORE_DATA", &self.folder).env("STORE_PASSWORD", PASSWORD);
        command
    }

    /// Starts it again after it was closed.
    pub async fn open(&mut self) {
        let mut process = Process::start(&mut self.command("serve"), &self.folder.with_extension("log"));
        let health = format!("{}/health", self.address);
        let up = async || client().get(&health).send().await.is_ok_and(|answer| answer.status().is_success());
        process.ready(up).await;
        self.process = Some(process);
        let login = format!("mutation{{login(username:{OWNER:?},password:{PASSWORD:?}){{__typename}}}}");
        self.owner = self.post("admin-api", "", &login, Value::Null).await.1;
    }

    /// Nobody can reach it any more.
    pub fn close(&mut self) {
        self.process = None;
    }

    /// Asks something; the data and the session.
    async fn post(&self, api: &str, session: &str, query: &str, variables: Value) -> (Value, String) {
        let request = client().post(format!("{}/{api}", self.address));
        let request = if session.is_empty() { request } else { request.bearer_auth(session) };
        let answer = request.json(&json!({"query": query, "variables": variables})).send().await.unwrap();
        let token = answer.headers().get("vendure-auth-token").map(|token| token.to_str().unwrap().to_owned());
        let body: Value = answer.json().await.unwrap();
        assert!(body["errors"].is_null(), "{query}: {body}");
        for (name, one) in body["data"].as_object().unwrap() {
            assert!(one["errorCode"].is_null(), "{name} of {query}: {one}");
        }
        (body["data"].clone(), token.unwrap_or_else(|| session.to_owned()))
    }

    /// Asks as the owner.
    pub async fn admin(&self, query: &str, variables: Value) -> Value {
        self.post("admin-api", &self.owner, query, variables).await.0
    }

    /// A new key of the admin API.
    pub async fn key(&self) -> String {
        let query = "mutation{createApiKey(input:{roleIds:[\"1\"],translations:[{languageCode:en,name:\"segmentd\"}]})\
                     {... on CreateApiKeyResult{apiKey}}}";
        self.admin(query, Value::Null).await["createApiKey"]["apiKey"].as_str().unwrap().to_owned()
    }

    /// Somebody puts something into a cart and says who they are; the session goes on from here.
    pub async fn fills_cart(&self, guest: &Guest, goods: Goods) -> String {
        let session = self.adds(goods, "").await;
        let Guest { email, phone, accepts } = guest;
        let mut input = json!({"firstName": "Ana", "lastName": "Ruiz", "emailAddress": email, "phoneNumber": phone});
        if let Some(accepts) = accepts {
            input["customFields"] = json!({"acceptsMarketing": accepts});
        }
        let query = "mutation($input:CreateCustomerInput!){setCustomerForOrder(input:$input)\
                     {__typename ... on ErrorResult{errorCode message}}}";
        self.post("shop-api", &session, query, json!({"input": input})).await;
        session
    }

    async fn adds(&self, goods: Goods, session: &str) -> String {
        let Goods { variant, quantity } = goods;
        let query = format!(
            "mutation{{addItemToOrder(productVariantId:{variant:?},quantity:{quantity})\
             {{__typename ... on ErrorResult{{errorCode message}}}}}}"
        );
        self.post("shop-api", session, &query, Value::Null).await.1
    }

    /// The cart of a session is sent to an address and paid.
    pub async fn pays(&self, session: &str) -> Placed {
        let told = "{__typename ... on ErrorResult{errorCode message}}";
        let query = format!(
            "mutation{{a:setOrderShippingAddress(input:{{fullName:\"Ana Ruiz\",streetLine1:\"Calle 1\",city:\"CDMX\",\
             postalCode:\"06000\",countryCode:\"MX\"}}){told} b:setOrderShippingMethod(shippingMethodId:[\"1\"]){told} \
             c:transitionOrderToState(state:\"ArrangingPayment\"){told} \
             d:addPaymentToOrder(input:{{method:\"test\",metadata:{{}}}})\
             {{... on Order{{id totalWithTax}} ... on ErrorResult{{errorCode message}}}}}}"
        );
        let (data, _) = self.post("shop-api", session, &query, Value::Null).await;
        let (id, total) = (data["d"]["id"].as_str().unwrap(), data["d"]["totalWithTax"].as_i64().unwrap());
        Placed { id: id.to_owned(), total }
    }

    /// A guest orders.
    pub async fn orders(&self, guest: &Guest, goods: Goods) -> Placed {
        let session = self.fills_cart(guest, goods).await;
        self.pays(&session).await
    }

    /// Somebody registers, signs in and orders; the session.
    pub async fn registers_and_orders(&self, guest: &Guest, goods: Goods) -> (String, Placed) {
        let (email, password) = (&guest.email, "correct horse");
        let query = "mutation($input:RegisterCustomerInput!){registerCustomerAccount(input:$input)\
                     {__typename ... on ErrorResult{errorCode message}}}";
        let input =
            json!({"emailAddress": email, "firstName": "Eva", "phoneNumber": guest.phone, "password": password});
        self.post("shop-api", "", query, json!({"input": input})).await;
        let login = format!(
            "mutation{{login(username:{email:?},password:{password:?}){{__typename ... on ErrorResult{{errorCode}}}}}}"
        );
        let (_, session) = self.post("shop-api", "", &login, Value::Null).await;
        if let Some(accepts) = guest.accepts {
            self.says(&session, accepts).await;
        }
        self.adds(goods, &session).await;
        let placed = self.pays(&session).await;
        (session, placed)
    }

    /// A customer who is signed in says yes or no to marketing.
    pub async fn says(&self, session: &str, accepts: bool) {
        let query = format!("mutation{{updateCustomer(input:{{customFields:{{acceptsMarketing:{accepts}}}}}){{id}}}}");
        self.post("shop-api", session, &query, Value::Null).await;
    }

    /// All that was paid is given back.
    pub async fn refunds(&self, order: &Placed) {
        let query = format!("{{order(id:{:?}){{payments{{id}}}}}}", order.id);
        let found = self.admin(&query, Value::Null).await;
        let input = json!({
            "paymentId": found["order"]["payments"][0]["id"], "amount": order.total, "lines": [], "shipping": 0,
            "adjustment": 0, "reason": "broken",
        });
        let query = "mutation($input:RefundOrderInput!){refundOrder(input:$input)\
                     {... on Refund{id} ... on ErrorResult{errorCode message}}}";
        let refund = self.admin(query, json!({"input": input})).await["refundOrder"]["id"].clone();
        let query = "mutation($input:SettleRefundInput!){settleRefund(input:$input)\
                     {__typename ... on ErrorResult{errorCode message}}}";
        self.admin(query, json!({"input": {"id": refund, "transactionId": "back"}})).await;
    }

    /// An order is called off.
    pub async fn cancels(&self, order: &Placed) {
        let query = "mutation($input:CancelOrderInput!){cancelOrder(input:$input)\
                     {__typename ... on ErrorResult{errorCode message}}}";
        let input = json!({"orderId": order.id, "reason": "changed their mind", "cancelShipping": true});
        self.admin(query, json!({"input": input})).await;
    }

    /// Where the plugin sends to.
    pub async fn hook(&self) -> Option<String> {
        let found = self.admin("{globalSettings{customFields{segmentdUrl}}}", Value::Null).await;
        found["globalSettings"]["customFields"]["segmentdUrl"].as_str().map(str::to_owned)
    }

    /// Somebody takes it away: nothing is told any more.
    pub async fn lose_hook(&self) {
        let query = "mutation{updateGlobalSettings(input:{customFields:{segmentdUrl:null}})\
                     {__typename ... on ErrorResult{errorCode message}}}";
        self.admin(query, Value::Null).await;
    }
}
