"""Python websockets against a server: python client.py URL SYMBOL

Somebody publishes {"n":1}, {"n":2} ... on SYMBOL.trade all the while. Each
case prints one line of JSON, {"case": name} or {"case": name, "error": why}.
"""

import asyncio
import json
import re
import sys
import time
import traceback

import websockets
from websockets.asyncio.client import connect as dial

URL, SYMBOL = sys.argv[1:3]
CHANNEL = SYMBOL + ".trade"
PATIENCE = 30


async def connect():
    socket = await dial(URL, subprotocols=["ws.v1"], ping_interval=None, open_timeout=10)
    welcome = await take(socket)
    assert welcome["type"] == "welcome", welcome
    return socket


async def take(socket):
    text = await asyncio.wait_for(socket.recv(), PATIENCE)
    assert isinstance(text, str), "a binary frame came"
    return json.loads(text)


async def until(socket, kind):
    before = []
    while True:
        frame = await take(socket)
        if frame["type"] == kind:
            return frame, before
        before.append(frame)


async def messages(socket, count):
    return [(await until(socket, "message"))[0] for _ in range(count)]


async def send(socket, kind, **fields):
    await socket.send(json.dumps({"type": kind, **fields}))


def consecutive(frames, seq, n):
    for i, frame in enumerate(frames):
        assert (frame["channel"], frame["seq"], frame["data"]["n"]) == (CHANNEL, seq + i, n + i), frame


async def closed(socket):
    try:
        while True:
            await take(socket)
    except websockets.ConnectionClosed as end:
        assert end.rcvd is not None, "the connection ended without a close frame"
        return end.rcvd.code


async def selects_ws_v1_and_no_extension():
    async with await connect() as socket:
        assert socket.subprotocol == "ws.v1", socket.subprotocol
        assert socket.protocol.extensions == [], socket.protocol.extensions


async def subscribes_and_gets_every_message_once():
    async with await connect() as socket:
        await send(socket, "subscribe", id="s", data={"channels": [CHANNEL]})
        ack = await take(socket)
        assert (ack["type"], ack["id"], ack["subscribed"]) == ("subscription_ack", "s", [CHANNEL]), ack
        got = await messages(socket, 20)
        consecutive(got, 1, got[0]["data"]["n"])
        await send(socket, "unsubscribe", data={"channels": [CHANNEL]})
        gone, _ = await until(socket, "unsubscription_ack")
        assert gone["count"] == 0, gone


async def resumes_after_a_cut_without_a_hole():
    socket = await connect()
    await send(socket, "subscribe", data={"channels": [CHANNEL]})
    cursor = (await take(socket))["cursor"]
    before = await messages(socket, 5)
    socket.transport.abort()
    for frame in before:
        partition, offset = map(int, re.fullmatch(r"trade/(\d+):(\d+)", frame["pos"]).groups())
        at = cursor["trade"]["at"]
        at.extend([-1] * (partition + 1 - len(at)))
        at[partition] = offset
    await asyncio.sleep(0.3)
    async with await connect() as again:
        await send(again, "subscribe", data={"channels": [CHANNEL], "cursor": cursor})
        ack = await take(again)
        assert ack["recovered"] is True, ack
        end, replayed = await until(again, "replay_complete")
        assert end["replayed"] == len(replayed) > 0, end
        consecutive(replayed + await messages(again, 3), 1, before[-1]["data"]["n"] + 1)


async def answers_a_heartbeat():
    async with await connect() as socket:
        await send(socket, "heartbeat", id=7)
        pong = await take(socket)
        assert (pong["type"], pong["id"]) == ("pong", 7), pong
        assert abs(pong["ts"] / 1000 - time.time()) < 60, pong


async def answers_a_ping_with_its_payload():
    async with await connect() as socket:
        await asyncio.wait_for(await socket.ping(b"payload"), PATIENCE)


async def takes_a_command_in_fragments():
    async with await connect() as socket:
        text = json.dumps({"type": "heartbeat", "id": "é中"}, ensure_ascii=False)
        await socket.send([text[:10], text[10:20], text[20:]])
        assert (await take(socket))["id"] == "é中"


async def survives_a_bad_command():
    async with await connect() as socket:
        await send(socket, "subscribe", id=1, data={"channels": ["*.*"]})
        error = await take(socket)
        assert (error["type"], error["code"], error["temporary"]) == ("error", "CHANNEL_INVALID", False), error
        await send(socket, "heartbeat")
        assert (await take(socket))["type"] == "pong"


async def is_closed_with_4500_for_a_binary_frame():
    async with await connect() as socket:
        await socket.send(b"{}")
        assert await closed(socket) == 4500


async def is_closed_with_1009_for_a_message_too_big():
    async with await connect() as socket:
        await socket.send("x" * 65537)
        assert await closed(socket) == 1009


async def closes_in_both_directions():
    socket = await connect()
    await asyncio.wait_for(socket.close(1000, "done"), PATIENCE)
    assert socket.close_code == 1000, socket.close_code


async def main():
    cases = [
        selects_ws_v1_and_no_extension,
        subscribes_and_gets_every_message_once,
        resumes_after_a_cut_without_a_hole,
        answers_a_heartbeat,
        answers_a_ping_with_its_payload,
        takes_a_command_in_fragments,
        survives_a_bad_command,
        is_closed_with_4500_for_a_binary_frame,
        is_closed_with_1009_for_a_message_too_big,
        closes_in_both_directions,
    ]
    for case in cases:
        line = {"case": case.__name__.replace("_", " ")}
        try:
            await case()
        except Exception:
            line["error"] = traceback.format_exc()
        print(json.dumps(line), flush=True)


asyncio.run(main())
