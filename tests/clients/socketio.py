"""The official Python client against a running server: `python socketio.py SCENARIO '{"url":…,"token":…,…}'`.

Each scenario asserts for itself; the exit code is what the test looks at.
"""

import faulthandler
import json
import os
import queue
import sys
import threading

# This file has the name of the package that it needs.
sys.path.pop(0)
import socketio

PATIENCE = 40

given = json.loads(sys.argv[2])
url, token, character = given["url"], given["token"], given["characterId"]
options = {"transports": given["transports"]} if given.get("transports") else {}


def client():
    """A client, and a queue for each event that it hears."""
    sio = socketio.Client(reconnection_delay=0.05)
    heard = {}

    @sio.on("*")
    def any_event(event, data=None):
        heard.setdefault(event, queue.Queue()).put(data)

    def wait(event, fits=lambda data: True):
        while True:
            data = heard.setdefault(event, queue.Queue()).get(timeout=PATIENCE)
            if fits(data):
                return data

    return sio, wait


def calls():
    sio, wait = client()
    sio.connect(url, auth={"token": token, "characterId": character}, **options)
    joined = wait("conversation:joined")
    room = joined["conversation"]["id"]
    message = {"characterId": character, "type": "text", "content": "Good evening"}
    ack = sio.call("message:send", message, timeout=PATIENCE)
    assert ack["success"] is True and ack["usage"]["plan"] == "free", ack
    reply = wait("message:receive", lambda data: data["message"]["sender"]["kind"] == "character")
    assert reply["conversationId"] == room and reply["message"]["replyTo"] == ack["message"]["id"], reply
    refused = sio.call("message:send", {"conversationId": room, "content": ""}, timeout=PATIENCE)
    assert refused["success"] is False and refused["code"] == "content_empty", refused
    for n in range(20):
        # More than one polling answer holds.
        sio.emit("message:send", {"conversationId": room, "content": f"{n}", "reply": "none"})
    for n in range(20):
        said = wait("message:receive", lambda data: data["message"]["sender"]["kind"] == "user"
                    and data["message"]["id"] != ack["message"]["id"])
        assert said["message"]["content"] == f"{n}", said
    wanted = (given.get("transports") or ["websocket"])[0]
    assert sio.transport() == wanted, sio.transport()
    sio.disconnect()


def refusals():
    sio, _ = client()
    told = queue.Queue()
    sio.on("connect_error", told.put)
    try:
        sio.connect(url, auth={"token": "nobody"}, **options)
        raise AssertionError("a bad token was taken")
    except socketio.exceptions.ConnectionError:
        pass
    assert told.get(timeout=PATIENCE)["data"]["code"] == "unauthenticated"

    sio, wait = client()
    gone = threading.Event()
    sio.on("disconnect", lambda *_: gone.set())
    sio.connect(url, auth={"token": token}, **options)
    sio.emit("message:send", {"characterId": character, "content": b"\x01\x02"})
    assert wait("error")["closeCode"] == 4003
    assert gone.wait(PATIENCE)


def headers():
    sio, wait = client()
    sio.connect(url, headers={"Authorization": f"Bearer {token}"}, **options)
    assert wait("ready")["user"]["username"]
    sio.disconnect()


faulthandler.dump_traceback_later(PATIENCE + 10, exit=True)
try:
    {"calls": calls, "refusals": refusals, "headers": headers}[sys.argv[1]]()
except BaseException:
    sys.excepthook(*sys.exc_info())
    os._exit(1)
print("done", flush=True)
os._exit(0)
