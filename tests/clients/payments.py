"""The official Python library of Stripe against the stand-in: `python payments.py SCENARIO '{"url":…,"key":…,…}'`.

Each scenario asserts for itself; the exit code is what the test looks at.
"""

import faulthandler
import json
import sys
import time

import stripe

given = json.loads(sys.argv[2])


def client():
    return stripe.StripeClient(given["key"], base_addresses={"api": given["url"]}, max_network_retries=2)


def raised(kind, deed):
    try:
        deed()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def talk():
    v1 = client().v1
    customer = v1.customers.create({"email": "mira@example.com", "name": "Mira", "metadata": {"a": "b"}})
    assert isinstance(customer, stripe.Customer) and customer.metadata["a"] == "b", customer
    session = v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer.id,
            "success_url": "https://chat.example.com/done",
            "line_items": [
                {
                    "quantity": 2,
                    "price_data": {"currency": "usd", "unit_amount": 350, "product_data": {"name": "Premium"}},
                }
            ],
        },
        {"idempotency_key": "python-1"},
    )
    assert (session.status, session.amount_total, session.payment_status) == ("open", 700, "unpaid"), session
    found = v1.checkout.sessions.retrieve(session.id, {"expand": ["customer", "line_items"]})
    assert found.customer.email == "mira@example.com", found
    assert found.line_items.data[0].quantity == 2 and found.line_items.data[0].description == "Premium", found
    price = v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 999,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Starter"},
            "lookup_key": "starter",
        }
    )
    assert [it.id for it in v1.prices.list({"lookup_keys": ["starter"]}).data] == [price.id]
    subscription = v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": price.id}],
            "payment_behavior": "default_incomplete",
            "expand": ["latest_invoice.confirmation_secret", "latest_invoice.payments"],
        }
    )
    assert subscription.status == "incomplete", subscription
    invoice = subscription.latest_invoice
    intent = invoice.payments.data[0].payment.payment_intent
    assert invoice.confirmation_secret.client_secret.startswith(intent), invoice
    paid = v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded", paid
    subscription = v1.subscriptions.retrieve(subscription.id)
    assert subscription.status == "active", subscription
    assert subscription["items"].data[0].current_period_end > subscription["items"].data[0].current_period_start
    refund = v1.refunds.create({"payment_intent": intent, "amount": 99})
    assert refund.status == "succeeded" and v1.charges.retrieve(refund.charge).amount_refunded == 99
    ended = v1.subscriptions.cancel(subscription.id)
    assert ended.status == "canceled", ended


def pages():
    v1 = client().v1
    made = [v1.customers.create({"name": f"n{n}"}).id for n in range(25)]
    first = v1.customers.list({"limit": 10})
    assert first.has_more and [it.id for it in first.data] == made[:-11:-1], first
    assert [it.id for it in first.auto_paging_iter()] == made[::-1]
    before = v1.customers.list({"limit": 5, "ending_before": made[10]})
    assert [it.id for it in before.data] == made[15:10:-1] and before.has_more, before
    assert v1.customers.list({"created": {"gte": int(time.time()) + 60}}).data == []
    kinds = {event.type for event in v1.events.list({"limit": 100}).auto_paging_iter()}
    assert kinds == {"customer.created"}, kinds
    gone = v1.customers.delete(made[0])
    assert gone.deleted and v1.customers.retrieve(made[0]).deleted
    raised(stripe.InvalidRequestError, lambda: v1.customers.list({"limit": 101}))


def errors():
    v1 = client().v1
    wrong = stripe.StripeClient("sk_test_wrongwrongwrong", base_addresses={"api": given["url"]})
    error = raised(stripe.AuthenticationError, lambda: wrong.v1.customers.list())
    assert error.http_status == 401 and "wrongwrong" not in str(error), error
    error = raised(stripe.InvalidRequestError, lambda: v1.customers.retrieve("cus_none"))
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id"), error
    error = raised(stripe.InvalidRequestError, lambda: v1.customers.create({"nome": "x"}))
    assert error.code == "parameter_unknown", error
    intent = {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
    error = raised(stripe.CardError, lambda: v1.payment_intents.create(intent, {"idempotency_key": "card"}))
    assert (error.http_status, error.code, error.user_message) == (402, "card_declined", "Your card was declined.")
    again = raised(stripe.CardError, lambda: v1.payment_intents.create(intent, {"idempotency_key": "card"}))
    assert again.error.payment_intent["id"] == error.error.payment_intent["id"]
    other = {**intent, "amount": 600}
    raised(stripe.IdempotencyError, lambda: v1.payment_intents.create(other, {"idempotency_key": "card"}))
    made = error.error.payment_intent["id"]
    raised(stripe.InvalidRequestError, lambda: v1.payment_intents.retrieve(made, {"expand": ["nothing"]}))


def sign():
    """Signs what is given, as Stripe's own tests do."""
    at = given["at"]
    signature = stripe.WebhookSignature._compute_signature(f"{at}.{given['body']}", given["secret"])
    print(f"t={at},v1={signature}", flush=True)


def construct():
    """Takes what the stand-in signed, as a shop in Python would."""
    event = stripe.Webhook.construct_event(given["body"].encode(), given["header"], given["secret"])
    assert event.type == given["kind"], event
    raised(
        stripe.SignatureVerificationError,
        lambda: stripe.Webhook.construct_event(given["body"].encode(), given["header"], "whsec_other"),
    )


faulthandler.dump_traceback_later(60, exit=True)
{scenario.__name__: scenario for scenario in [talk, pages, errors, sign, construct]}[sys.argv[1]]()
print("done")
