//! The hosted pages, clicked in a browser, wide and as narrow as a phone.

use greenroom::billing::records::SubscriptionStatus;
use greenroom::billing::stripe::{CheckoutStatus, NewCheckout, Offer, Stripe};

use super::world::World;
use crate::support::browser::Tab;

const WIDTHS: [(u32, u32); 2] = [(1_280, 800), (360, 740)];

/// Nothing sticks out at the side, and nothing was refused by the page's own policy.
async fn fits(tab: &Tab) {
    let wide = tab.script("document.documentElement.scrollWidth <= window.innerWidth").await;
    assert_eq!(wide, true, "it is wider than the window");
    let loaded = tab.script("getComputedStyle(document.querySelector('main')).maxWidth").await;
    assert_eq!(loaded, "896px", "its style holds");
}

async fn open(world: &World, key: &str) -> greenroom::billing::stripe::CheckoutState {
    let stripe: &Stripe = &world.stripe;
    let offer = Offer::Plan(world.plan("premium"));
    // Somewhere that answers.
    let done = format!("{}/i/none?session={{CHECKOUT_SESSION_ID}}", world.double.url());
    let back = format!("{}/i/back", world.double.url());
    let new = NewCheckout {
        user: world.user,
        customer: &world.customer,
        offer: &offer,
        success_url: &done,
        cancel_url: &back,
        key,
    };
    stripe.open_checkout(&new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_clicked_through() {
    let world = World::start().await;
    for (n, (width, height)) in WIDTHS.into_iter().enumerate() {
        let session = open(&world, &n.to_string()).await;
        let url = session.url.unwrap();
        let tab = Tab::open(&url, width, height).await;
        tab.until("the sum", "document.body.innerText.includes('Pay $7.00')").await;
        fits(&tab).await;
        tab.click("pay-declined").await;
        tab.until(
            "why not",
            "document.querySelector('[role=alert]')?.innerText === 'Your card was declined.'",
        )
        .await;
        fits(&tab).await;
        tab.click("back").await;
        tab.until("gone back", "location.pathname === '/i/back'").await;
        tab.go(&url).await;
        tab.click("pay-good").await;
        let arrived = format!("location.search === '?session={}'", session.id);
        tab.until("where it leads", &arrived).await;
        assert_eq!(world.stripe.checkout(&session.id).await.unwrap().status, CheckoutStatus::Complete);
        tab.go(&url).await;
        tab.until("it is over", "document.body.innerText.includes('This checkout is over.')").await;
        tab.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_cancels_keeps_and_changes_the_card() {
    let world = World::start().await;
    let (begun, invoice) = world.subscribed("pro").await;
    for (width, height) in WIDTHS {
        let url =
            world.stripe.open_portal(&world.customer, "https://chat.example.com/account").await.unwrap();
        let tab = Tab::open(&url, width, height).await;
        tab.until("the plan", "document.body.innerText.includes('Pro')").await;
        fits(&tab).await;
        tab.click("cancel").await;
        tab.until("it ends", "document.body.innerText.includes('Ends on')").await;
        assert!(world.stripe.subscription(&begun.id).await.unwrap().cancel_at_period_end);
        tab.click("reactivate").await;
        tab.until("it stays", "document.body.innerText.includes('Renews on')").await;
        assert!(!world.stripe.subscription(&begun.id).await.unwrap().cancel_at_period_end);
        tab.click("card-declined").await;
        tab.until("the card", "document.body.innerText.includes('•••• 0002')").await;
        tab.close().await;
    }
    world.double.renew(&begun.id);
    let due = world.stripe.subscription(&begun.id).await.unwrap();
    assert_eq!(due.status, SubscriptionStatus::PastDue);
    let page = world.double.object(due.latest_invoice_id.as_deref().unwrap())["hosted_invoice_url"].clone();
    let tab = Tab::open(page.as_str().unwrap(), 360, 740).await;
    fits(&tab).await;
    tab.click("pay-good").await;
    tab.until("it is paid", "document.querySelector('.state')?.innerText === 'paid'").await;
    tab.close().await;
    assert_eq!(world.stripe.subscription(&begun.id).await.unwrap().status, SubscriptionStatus::Active);
    assert_ne!(due.latest_invoice_id, Some(invoice.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anothers_portal() {
    let world = World::start().await;
    let (begun, _) = world.subscribed("pro").await;
    let other =
        world.stripe.create_customer(greenroom_actors::domain::UserId::new(), None, "Ben").await.unwrap();
    let url = world.stripe.open_portal(&other, "https://chat.example.com/account").await.unwrap();
    let http = reqwest::Client::new();
    let form = format!("choice=cancel&subscription={}", begun.id);
    let form_type = "application/x-www-form-urlencoded";
    let refused = http.post(&url).header("content-type", form_type).body(form).send().await.unwrap();
    assert_eq!(refused.status(), 402);
    assert!(!world.stripe.subscription(&begun.id).await.unwrap().cancel_at_period_end);
    let page = http.get(&url).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!page.text().await.unwrap().contains(&begun.id));
    assert_eq!(http.get(format!("{url}x")).send().await.unwrap().status(), 410);
    world.double.advance(2 * 3_600);
    assert_eq!(http.get(&url).send().await.unwrap().status(), 410, "a visit ends");
}
