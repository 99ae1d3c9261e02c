//! What is asked of the admin API, as text.

/// Who a customer is. `CONSENT` stands for the store's own fields of consent.
const CUSTOMER_FIELDS: &str = "id createdAt updatedAt emailAddress phoneNumber firstName lastName user{id} CONSENT \
     addresses{city province postalCode country{code} defaultBillingAddress defaultShippingAddress}";

/// How an order stands. Its history tells when what happened: its own times do not move with payments and refunds.
const ORDER_FIELDS: &str = "id code state active type createdAt updatedAt orderPlacedAt currencyCode shipping total \
     totalWithTax couponCodes customer{CUSTOMER} \
     billingAddress{city province postalCode countryCode} shippingAddress{city province postalCode countryCode} \
     lines{id quantity orderPlacedQuantity unitPriceWithTax proratedUnitPriceWithTax \
     productVariant{id sku name product{id name}}} \
     payments{id state amount createdAt updatedAt refunds{id state total reason createdAt updatedAt}} \
     history(options:{take:100,sort:{createdAt:DESC}}){totalItems items{type createdAt data}}";

/// What tells who the store is.
pub(crate) const STORE: &str = "{activeChannel{code defaultCurrencyCode} globalSettings{serverConfig{\
     moneyStrategyPrecision entityCustomFields{entityName customFields{... on CustomField{name}}}}}}";

/// Whether orders may be read.
pub(crate) const MAY_READ_ORDERS: &str = "{orders(options:{take:1}){totalItems}}";
/// Whether customers may be read.
pub(crate) const MAY_READ_CUSTOMERS: &str = "{customers(options:{take:1}){totalItems}}";

/// Where the plugin sends what happens.
pub(crate) const HOOK: &str = "{globalSettings{customFields{segmentdUrl}}}";
/// Sets it.
pub(crate) const SET_HOOK: &str = "mutation($input:UpdateGlobalSettingsInput!){updateGlobalSettings(input:$input){\
     __typename ... on ErrorResult{message}}}";

/// The fields of consent that a store has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ConsentFields<'a> {
    /// Yes or no.
    pub(crate) state: Option<&'a str>,
    /// When it was said.
    pub(crate) at: Option<&'a str>,
}

fn customer_fields(consent: &ConsentFields<'_>) -> String {
    let fields = match (consent.state, consent.at) {
        (Some(state), Some(at)) => format!("customFields{{state:{state} at:{at}}}"),
        (Some(state), None) => format!("customFields{{state:{state}}}"),
        (None, _) => String::new(),
    };
    CUSTOMER_FIELDS.replace("CONSENT", &fields)
}

/// A list of orders.
pub(crate) fn orders(consent: &ConsentFields<'_>) -> String {
    let fields = ORDER_FIELDS.replace("CUSTOMER", &customer_fields(consent));
    format!("query($options:OrderListOptions){{orders(options:$options){{totalItems items{{{fields}}}}}}}")
}

/// A list of customers.
pub(crate) fn customers(consent: &ConsentFields<'_>) -> String {
    let fields = customer_fields(consent);
    format!("query($options:CustomerListOptions){{customers(options:$options){{totalItems items{{{fields}}}}}}}")
}
