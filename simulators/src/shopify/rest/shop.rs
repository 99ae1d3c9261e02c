//! The shop itself in webhooks.

use super::super::time;
use super::super::world::ShopState;
use serde_json::{Value, json};

/// `app/uninstalled`, `shop/update`.
pub(in super::super) fn shop(shop: &ShopState) -> Value {
    let options = &shop.options;
    let name = options.domain.split('.').next().unwrap_or_default();
    let offset = time::in_zone(0, &shop.zone);
    json!({
        "id": shop.id, "name": name, "email": format!("owner@{name}.example"), "domain": options.domain,
        "province": null, "country": options.country, "address1": "Calle 1", "zip": "06000", "city": "Centro",
        "source": null, "phone": null, "latitude": null, "longitude": null, "primary_locale": "es",
        "address2": null, "created_at": offset, "updated_at": offset, "country_code": options.country,
        "country_name": options.country, "currency": options.currency,
        "customer_email": format!("owner@{name}.example"), "timezone": options.timezone,
        "iana_timezone": options.timezone, "shop_owner": "Shop Owner", "money_format": "${{amount}}",
        "money_with_currency_format": format!("${{{{amount}}}} {}", options.currency), "weight_unit": "kg",
        "province_code": null, "taxes_included": false, "auto_configure_tax_inclusivity": null,
        "tax_shipping": null, "county_taxes": true, "plan_display_name": "Basic", "plan_name": "basic",
        "has_discounts": false, "has_gift_cards": true, "myshopify_domain": options.domain,
        "google_apps_domain": null, "google_apps_login_enabled": null, "money_in_emails_format": "${{amount}}",
        "money_with_currency_in_emails_format": format!("${{{{amount}}}} {}", options.currency),
        "eligible_for_payments": true, "requires_extra_payments_agreement": false, "password_enabled": false,
        "has_storefront": true, "finances": true, "primary_location_id": shop.id + 1,
        "checkout_api_supported": true, "multi_location_enabled": true, "setup_required": false,
        "pre_launch_enabled": false, "enabled_presentment_currencies": [options.currency],
        "marketing_sms_consent_enabled_at_checkout": true, "transactional_sms_disabled": false,
    })
}
