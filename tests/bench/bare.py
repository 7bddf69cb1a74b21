"""The least a FastAPI endpoint for webhooks does: read, check the HMAC, parse, one round trip to Redis, answer."""

import base64
import hmac
import sys

import orjson
import redis.asyncio
import uvicorn
from fastapi import FastAPI, HTTPException, Request

from bot.entry.http_server import UVICORN
from tests.bench.deliveries import KEY, PATH

WEEK_SECONDS = 7 * 86_400


def create_bare(redis_url: str) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    store = redis.asyncio.Redis.from_url(redis_url)

    @app.get("/")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.post(PATH, status_code=202)
    async def hook(request: Request) -> dict[str, str]:
        body = await request.body()
        name = request.headers["webhook-id"]
        signed = f"{name}.{request.headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
        if not hmac.compare_digest(request.headers["webhook-signature"], expected):
            raise HTTPException(401)
        kind = orjson.loads(body)["object_kind"]
        new = await store.set(f"delivery:{name}", kind, nx=True, ex=WEEK_SECONDS)
        return {"status": "accepted" if new else "duplicate", "delivery": name}

    return app


if __name__ == "__main__":
    uvicorn.run(create_bare(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), **UVICORN)
