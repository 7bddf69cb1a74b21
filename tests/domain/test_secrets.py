import base64
import hmac
import json
import random
import string
import time
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import secrets
from bot.domain.secret_rules import RULES
from bot.domain.secrets import Redactor

ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "_-"
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"
UPPER32 = string.ascii_uppercase + "234567"


class Dice:
    """Seeded random strings, so that no secret-looking literal stands in this file."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, length: int, alphabet: str = ALNUM) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(length))

    def pem(self, kind: str, newline: str = "\n") -> str:
        body = newline.join(self(64, BASE64) for _ in range(12))
        return f"-----BEGIN {kind}-----{newline}{body}{newline}-----END {kind}-----"

    def password(self) -> str:
        return (
            self(4, string.ascii_lowercase) + self(2, "23456789") + self(3, "KLMNPQRS") + self(3, "23456789")
        )


# rule -> (secret, source line around it); "@" marks where the secret goes
SAMPLES: dict[str, tuple[Callable[[Dice], str], str]] = {
    "gitlab-access-token": (lambda d: "glpat" + "-" + d(20, URLSAFE), 'TOKEN = "@"'),
    "gitlab-deploy-token": (lambda d: "gldt" + "-" + d(20), "docker login -p @ registry"),
    "gitlab-runner-token": (lambda d: "glrt" + "-" + d(20), 'token = "@"'),
    "gitlab-registration-token": (lambda d: "GR13" + "48941" + d(20), "gitlab-runner register -r @"),
    "gitlab-trigger-token": (lambda d: "glptt" + "-" + d(40, HEX), "curl -F token=@ https://gitlab.example"),
    "gitlab-oauth-secret": (lambda d: "gloas" + "-" + d(64, HEX), "secret: @"),
    "gitlab-job-token": (lambda d: "glcbt" + "-64_" + d(20), "CI_JOB_TOKEN=@"),
    "gitlab-scim-token": (lambda d: "glsoat" + "-" + d(20), "scim @"),
    "gitlab-feed-token": (lambda d: "glft" + "-" + d(20), "https://gitlab.example/x.atom?feed_token=@"),
    "gitlab-mail-token": (lambda d: "glimt" + "-" + d(25), "incoming+x-@-issue"),
    "gitlab-agent-token": (lambda d: "glagent" + "-" + d(50), "--set config.token=@"),
    "gitlab-flags-token": (lambda d: "glffct" + "-" + d(20), "instance: @"),
    "gitlab-workspace-token": (lambda d: "glwt" + "-" + d(20), "workspace @"),
    "gitlab-header-token": (lambda d: d(20), 'curl -H "PRIVATE-TOKEN: @" https://gitlab.example'),
    "github-token": (lambda d: "ghp" + "_" + d(36), "git clone https://@@github.com/a/b"),
    "github-fine-grained-token": (lambda d: "github" + "_pat_" + d(22) + "_" + d(59), "GH=@"),
    "atlassian-api-token": (lambda d: "ATAT" + "T3xFf" + d(180, URLSAFE) + "=" + d(8, "0123456789ABCDEF"), "jira: @"),
    "atlassian-access-token": (lambda d: "ATCT" + "T3xFf" + d(180, URLSAFE), "token @"),
    "bitbucket-app-password": (lambda d: "AT" + "BB" + d(32), "app password @"),
    "atlassian-datacenter-token": (
        lambda d: base64.b64encode((d(12, string.digits) + ":" + d(20)).encode()).decode()[:44],
        'JIRA_PAT = "@"',
    ),
    "atlassian-legacy-token": (lambda d: d(24), 'CONFLUENCE_API_TOKEN: "@"'),
    "aws-access-key-id": (lambda d: "AK" + "IA" + d(16, UPPER32), "aws_access_key_id = @"),
    "aws-secret-key": (lambda d: d(40, BASE64), "aws_secret_access_key = @"),
    "aws-bedrock-key": (lambda d: "AB" + "SK" + d(120, BASE64) + "=", "export BEDROCK=@"),
    "google-api-key": (lambda d: "AI" + "za" + d(35, URLSAFE), "https://maps.example/js?key=@&x=1"),
    "google-oauth-secret": (lambda d: "GOC" + "SPX-" + d(28, URLSAFE), "client: @"),
    "google-oauth-token": (lambda d: "ya" + "29." + d(60, URLSAFE), "x @"),
    "google-service-account": (lambda d: d.pem("PRIVATE KEY", "\\n") + "\\n", '"private_key": "@",'),
    "azure-storage-key": (lambda d: d(86, BASE64) + "==", "AccountName=shop;AccountKey=@;EndpointSuffix=x"),
    "azure-client-secret": (lambda d: d(3) + "8Q" + "~" + d(34, URLSAFE), 'secret="@"'),
    "azure-shared-access-key": (lambda d: d(43, BASE64) + "=", "SharedAccessKeyName=root;SharedAccessKey=@"),
    "azure-devops-token": (lambda d: d(76) + "AZ" + "DO" + d(4), "pat @"),
    "azure-function-key": (lambda d: d(44) + "Az" + "Fu" + d(6) + "==", "?code=@"),
    "alibaba-access-key": (lambda d: "LT" + "AI" + d(20), "id: @"),
    "digitalocean-token": (lambda d: "dop" + "_v1_" + d(64, HEX), "do @"),
    "heroku-api-key": (lambda d: "HR" + "KU-AA" + d(58, URLSAFE), "x @"),
    "heroku-legacy-key": (
        lambda d: "-".join(d(n, HEX) for n in (8, 4, 4, 4, 12)),
        'HEROKU_API_KEY="@"',
    ),
    "cloudflare-origin-key": (lambda d: "v1" + ".0-" + d(24, HEX) + "-" + d(146, HEX), "k @"),
    "fly-token": (lambda d: "fm" + "2_" + d(120, BASE64), "FLY=@"),
    "netlify-token": (lambda d: "nf" + "p_" + d(40), "x @"),
    "databricks-token": (lambda d: "da" + "pi" + d(32, HEX), "x @"),
    "planetscale-token": (lambda d: "pscale" + "_tkn_" + d(43, URLSAFE), "x @"),
    "supabase-token": (lambda d: "sb" + "p_" + d(40, HEX), "x @"),
    "anthropic-key": (lambda d: "sk-" + "ant-api03-" + d(93, URLSAFE) + "AA", 'key="@"'),
    "openrouter-key": (lambda d: "sk-" + "or-v1-" + d(64, HEX), "x @"),
    "openai-key": (lambda d: "sk-" + "proj-" + d(74, URLSAFE) + "T3Bl" + "bkFJ" + d(74, URLSAFE), "x @"),
    "openai-legacy-key": (lambda d: "sk-" + d(20) + "T3Bl" + "bkFJ" + d(20), "openai.api_key = '@'"),
    "huggingface-token": (lambda d: "h" + "f_" + d(34, string.ascii_letters), "x @"),
    "groq-key": (lambda d: "gs" + "k_" + d(52), "x @"),
    "xai-key": (lambda d: "xa" + "i-" + d(80), "x @"),
    "perplexity-key": (lambda d: "pp" + "lx-" + d(48), "x @"),
    "replicate-token": (lambda d: "r" + "8_" + d(37), "x @"),
    "langsmith-key": (lambda d: "lsv2" + "_pt_" + d(32, HEX) + "_" + d(10, HEX), "x @"),
    "slack-token": (lambda d: "xo" + "xb-" + d(12, "123456789") + "-" + d(12, "123456789") + "-" + d(24), "x @"),
    "slack-app-token": (
        lambda d: "xa" + "pp-1-A" + d(10, UPPER32) + "-" + d(13, string.digits) + "-" + d(64, HEX),
        "x @",
    ),
    "slack-webhook": (
        lambda d: "T" + d(8, UPPER32) + "/B" + d(8, UPPER32) + "/" + d(24),
        "https://hooks.slack.com/services/@",
    ),
    "discord-bot-token": (lambda d: "M" + d(23) + "." + d(6) + "." + d(38, URLSAFE), 'bot.run("@")'),
    "discord-webhook": (
        lambda d: d(18, "123456789") + "/" + d(68, URLSAFE),
        "https://discord.com/api/webhooks/@",
    ),
    "telegram-bot-token": (lambda d: d(10, "123456789") + ":A" + "A" + d(33, URLSAFE), 'bot("@")'),
    "teams-webhook": (
        lambda d: "-".join(d(n, HEX) for n in (8, 4, 4, 4, 12))
        + "@"
        + "-".join(d(n, HEX) for n in (8, 4, 4, 4, 12))
        + "/IncomingWebhook/"
        + d(32, HEX)
        + "/"
        + "-".join(d(n, HEX) for n in (8, 4, 4, 4, 12)),
        "https://shop.webhook.office.com/webhookb2/@",
    ),
    "stripe-key": (lambda d: d(24), "sk_" + "live_@"),
    "stripe-test-key": (lambda d: d(24), "sk_" + "test_@"),
    "webhook-signing-secret": (lambda d: d(32), "whs" + "ec_@"),
    "square-token": (lambda d: "sq0" + "atp-" + d(22, URLSAFE), "x @"),
    "shopify-token": (lambda d: "shp" + "at_" + d(32, HEX), "x @"),
    "razorpay-key": (lambda d: "rzp" + "_live_" + d(14), "x @"),
    "twilio-key": (lambda d: "S" + "K" + d(32, HEX), "x @"),
    "twilio-auth-token": (lambda d: d(32, HEX), 'TWILIO_AUTH_TOKEN = "@"'),
    "sendgrid-key": (lambda d: "S" + "G." + d(22, URLSAFE) + "." + d(43, URLSAFE), "x @"),
    "mailgun-key": (lambda d: "ke" + "y-" + d(32, HEX), 'mailgun("@")'),
    "mailchimp-key": (lambda d: d(32, HEX) + "-us" + "12", "x @"),
    "brevo-key": (lambda d: "xkey" + "sib-" + d(64, HEX) + "-" + d(16), "x @"),
    "npm-token": (lambda d: "np" + "m_" + d(36), "x @"),
    "npmrc-token": (lambda d: d(36), "//registry.npmjs.example/:_authToken=@"),
    "pypi-token": (lambda d: "py" + "pi-AgEIcHlwaS5vcmc" + d(140, URLSAFE), "password = @"),
    "rubygems-key": (lambda d: "ruby" + "gems_" + d(48, HEX), "x @"),
    "nuget-key": (lambda d: "oy" + "2" + d(43, string.ascii_lowercase + string.digits), "nuget push -k @"),
    "crates-token": (lambda d: "c" + "io" + d(32), "cargo login @"),
    "docker-token": (lambda d: "dckr" + "_pat_" + d(27, URLSAFE), "docker login -p @"),
    "artifactory-key": (lambda d: "AK" + "Cp" + d(69), "x @"),
    "sonar-token": (lambda d: "sq" + "p_" + d(40, HEX), "-Dsonar.login=@"),
    "buildkite-token": (lambda d: "bk" + "ua_" + d(40, HEX), "x @"),
    "pulumi-token": (lambda d: "pu" + "l-" + d(40, HEX), "x @"),
    "terraform-token": (lambda d: d(14) + ".atlas" + "v1." + d(67, URLSAFE), 'token = "@"'),
    "vault-token": (lambda d: "hv" + "s." + d(95, URLSAFE), "VAULT_TOKEN=@"),
    "doppler-token": (lambda d: "dp" + ".pt." + d(43), "x @"),
    "onepassword-token": (lambda d: "ops_" + "eyJ" + d(250, BASE64), "x @"),
    "grafana-token": (lambda d: "gl" + "sa_" + d(32) + "_" + d(8, HEX), "x @"),
    "grafana-cloud-token": (lambda d: "gl" + "c_" + d(120, BASE64), "x @"),
    "grafana-legacy-key": (lambda d: "eyJr" + "Ijoi" + d(80, BASE64), "x @"),
    "sentry-token": (lambda d: "sntry" + "u_" + d(64, HEX), "x @"),
    "newrelic-key": (lambda d: "NR" + "AK-" + d(27, string.ascii_uppercase + string.digits), "x @"),
    "datadog-key": (lambda d: d(32, HEX), "DD_API_KEY=@"),
    "dynatrace-token": (lambda d: "dt0" + "c01." + d(24, UPPER32) + "." + d(64, UPPER32), "x @"),
    "linear-key": (lambda d: "lin" + "_api_" + d(40), "x @"),
    "postman-key": (lambda d: "PM" + "AK-" + d(24, HEX) + "-" + d(34, HEX), "x @"),
    "notion-token": (lambda d: "nt" + "n_" + d(46), "x @"),
    "airtable-token": (lambda d: "pa" + "t" + d(14) + "." + d(64, HEX), "x @"),
    "figma-token": (lambda d: "fig" + "d_" + d(40, URLSAFE), "x @"),
    "azure-app-configuration": (
        lambda d: d(43, BASE64) + "=",
        "Endpoint=https://shop.azconfig.example;Id=ab-l0-s0:xY;Secret=@",
    ),
    "azure-devops-legacy-token": (lambda d: d(52, "abcdefghijklmnopqrstuvwxyz234567"), 'personalAccessToken = "@";'),
    "encoded-private-key": (lambda d: base64.b64encode(d.pem("RSA PRIVATE KEY").encode()).decode(), "KEY_B64=@"),
    "wireguard-key": (lambda d: d(43, BASE64) + "=", "PresharedKey = @"),
    "vault-legacy-token": (lambda d: "s." + d(24), 'VAULT_CLIENT_TOKEN="@"'),
    "vault-unseal-key": (lambda d: d(44, BASE64), "Unseal Key 2: @"),
    "kubernetes-bootstrap-token": (lambda d: d(6, HEX) + "." + d(16, HEX), "kubeadm join --token @"),
    "sonar-legacy-token": (lambda d: d(40, HEX), "-Dsonar.login=@"),
    "teamcity-token": (lambda d: "eyJ0eXAi" + "OiAiVENWMiJ9." + d(27) + "." + d(48), "x @"),
    "stackhawk-key": (lambda d: "ha" + "wk." + d(20) + "." + d(20), "x @"),
    "sourcegraph-token": (lambda d: "sg" + "p_" + d(16, HEX) + "_" + d(40, HEX), "x @"),
    "dependency-track-key": (lambda d: "od" + "t_" + d(32), "x @"),
    "newrelic-legacy-key": (lambda d: "NR" + "AA-" + d(27, HEX), "x @"),
    "okta-token": (lambda d: "00" + d(40, URLSAFE[:-1]), 'okta_api_token = "@"'),
    "okta-header-token": (lambda d: "00" + d(40, URLSAFE[:-1]), "Authorization: SSWS @"),
    "salesforce-token": (lambda d: "00" + "D" + d(12) + "!" + d(96), "x @"),
    "facebook-token": (lambda d: "EA" + "AC" + d(120), "x @"),
    "facebook-secret": (lambda d: d(32, HEX), 'config.facebook.key = "@"'),
    "postmark-token": (lambda d: "-".join(d(n, HEX) for n in (8, 4, 4, 4, 12)), 'postmark: "@"'),
    "mapbox-token": (lambda d: "s" + "k.eyJ" + d(70) + "." + d(22), "x @"),
    "twitch-stream-key": (lambda d: "li" + "ve_" + d(9, "123456789") + "_" + d(30), "x @"),
    "adafruit-key": (lambda d: "ai" + "o_" + d(28), "x @"),
    "appsync-key": (lambda d: "da" + "2-" + d(26, string.ascii_lowercase + string.digits), "x @"),
    "tavily-key": (lambda d: "tv" + "ly-" + d(32), "x @"),
    "jina-key": (lambda d: "ji" + "na_" + d(32, HEX) + d(28), "x @"),
    "django-secret-key": (lambda d: d(50, ALNUM + "!@#$%^&*(-_=+)"), "SECRET_KEY = 'django-" + "insecure-@'"),
    "netrc-password": (lambda d: d.password(), "machine api.internal\n  login ada\n  password @"),
    "connection-password": (lambda d: d.password(), "Server=db,1433;Database=shop;User Id=shop;Password=@;"),
    "generic-argument": (lambda d: d(32), "curl 'https://api.internal/v1?verbose=1&access_token=@'"),
    "generic-env-password": (lambda d: d.password(), "REACT_APP_GUEST_PASSWORD=@"),
    "private-key": (lambda d: d.pem("OPENSSH PRIVATE KEY"), "@"),
    "putty-private-key": (lambda d: "\n".join(d(64, BASE64) for _ in range(8)), "Private-Lines: 8\n@"),
    "age-secret-key": (lambda d: "1" + d(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"), "# key\nAGE-SECRET" + "-KEY-@"),
    "jwt": (lambda d: "ey" + "J" + d(33) + ".ey" + "J" + d(60) + "." + d(43, URLSAFE), "Cookie: session=@"),
    "url-password": (lambda d: d.password(), "postgres://shop:@@db.internal:5432/shop"),
    "authorization-header": (lambda d: d(40), 'headers = {"Authorization": "Bearer @"}'),
    "sql-password": (lambda d: d.password(), "CREATE USER shop IDENTIFIED BY '@';"),
    "generic-password": (lambda d: d.password(), 'db_password: str = "@"'),
    "generic-secret": (lambda d: d(32), 'SIGNING_KEY = "@"'),
    "generic-env-secret": (lambda d: d(32), "export SESSION_SECRET=@"),
}  # fmt: skip

HARMLESS = [
    'TOKEN = "glpat-' + "x" * 20 + '"',
    "glpat-<your token here>",
    "ghp_" + "a" * 36,
    "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "aws_access_key_id = AKIA" + "IOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
    'password = "changeme"',
    'password = "Password123!"',
    'password = os.environ["DB_PASSWORD_2"]',
    'password = "${DB_PASSWORD_2}"',
    'password: "{{ vault_db_password_2 }}"',
    'password = "<insert 1 password>"',
    'token = process.env.TOKEN_V2 ?? "none"',
    'api_key = "your-api-key-1234567890abc"',
    'secret = "test-secret-0a1b2c3d4e5f"',
    'token_url = "https://auth2.example.org/oauth2/token"',
    'secret_name = "projects/12/secrets/db-7/versions/3"',
    'tokenizer = "bert-base-uncased-v2-1234"',
    'api_key_header = "X-Api-Key-V2"',
    'next_token = "550e8400-e29b-41d4-a716-446655440000"',
    'password_hint = "auth.errors.min8Chars"',
    r'PASSWORD_RULE = "^(?=.*[A-Z])(?=.*\d).{8,}$"',
    "postgres://postgres:postgres@localhost:5432/app",
    "https://user:password@example.com/",
    "redis://:${REDIS_PASSWORD}@redis:6379/0",
    "git@gitlab.example:group/project.git",
    "Server=db;Database=shop;User Id=shop;Password=${DB_PASSWORD};",
    "https://x.internal/search?token=next-page-of-the-results&secret=false",
    'password: "Forgot-your-login-2?"',
    'password = "At least 8 characters"',
    "machine api.internal login ada password secret",
    "certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" + "TUlJQ1h6Q0NBYw" * 8,
    "integrity sha512-" + "Zk2" * 28 + "==",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "sha256:" + "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "risk-assessment-and-task-management-for-everybody-in-the-team",
    "def test_password_is_checked_2_times(self): ...",
    "token: Optional[str] = None",
    "if token == self.expected_token_2:",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN PUBLIC KEY-----\n" + "MIIBIjANBgkqhkiG9w0BAQEFAAOC" * 6 + "\n-----END PUBLIC KEY-----",
    "Authorization: Bearer <token>",
    'headers["Authorization"] = f"Bearer {token}"',
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0."
    + "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "secretKeyRef: {name: shop-db-1, key: password}",
    'SECRET_KEY = get_random_secret_key("a1b2c3d4e5f6a7b8")',
    "uses: actions/checkout@a81bbbf8298c0fa03ea29cdc473d45769f953675",
    "AccessTokenProvider2Factory accessTokenProvider2 = token;",
    'csrf_token_name = "csrfmiddlewaretoken"',
    'password_field.send_keys("")',
    '"token": "string"',
    "SKU0123456789",
    "MLKEM1024PrivateKey = openssl_7.hpke.MLKEM1024P384PrivateKey",
    "secret_key = settings.keys.SHOP_K3Y_2024_B9",
]  # fmt: skip


def in_context(rule: str, seed: int) -> tuple[str, str]:
    make, line = SAMPLES[rule]
    secret = make(Dice(seed))
    return secret, line.replace("@", secret, 1)


def test_every_rule_has_a_sample() -> None:
    assert set(SAMPLES) == {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", SAMPLES)
def test_a_secret_in_its_documented_format_is_found_named_and_covered(rule: str) -> None:
    for seed in range(6):
        secret, text = in_context(rule, seed)
        matches = Redactor().find(text)
        assert [match.rule for match in matches] == [rule], text
        assert secret in text[matches[0].start : matches[0].end]
        assert secret not in Redactor().redact(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_placeholders_and_ordinary_code_are_left_alone(text: str) -> None:
    assert Redactor().find(text) == []
    assert Redactor().redact(text) == text


def test_a_private_key_is_found_in_code_json_a_diff_and_with_its_end_cut_off() -> None:
    pem = Dice(1).pem("RSA PRIVATE KEY")
    for shape in (
        "\n".join("+" + line for line in pem.split("\n")),
        "\n".join("-" + line for line in pem.split("\n")),
        "\n".join("    " + line for line in pem.split("\n")),
        pem.replace("\n", "\r\n"),
        json.dumps({"key": pem}),
        " +\n".join(f'"{line}\\n"' for line in pem.split("\n")),
        pem[: len(pem) // 2],
    ):
        redacted = Redactor().redact("before\n" + shape + "\nafter!")
        assert not any(line.strip()[:40] in redacted for line in pem.split("\n")[1:4])
        assert redacted.startswith("before\n")


def test_offsets_are_those_of_the_text_beside_any_other_character() -> None:
    secret = "glpat-" + Dice(3)(20)
    text = f"é😀\ud800 {secret}\u202e ü"
    (match,) = Redactor().find(text)
    assert text[match.start : match.end] == secret


def test_matches_are_ordered_and_do_not_overlap() -> None:
    dice = Dice(5)
    text = f'password = "glpat-{dice(20)}" # ghp_{dice(36)}\nAuthorization: Bearer glpat-{dice(20)}'
    matches = Redactor().find(text)
    assert [match.rule for match in matches] == ["gitlab-access-token", "github-token", "gitlab-access-token"]
    assert all(one.end <= other.start for one, other in pairwise(matches))


# rules whose context or secret has several lines
_LINES = {rule for rule, (make, line) in SAMPLES.items() if "\n" in line or "\n" in make(Dice(0))}
ON_A_LINE = sorted(set(SAMPLES) - _LINES)
ANYWHERE = [
    rule for rule in ON_A_LINE if Redactor().find("x " + SAMPLES[rule][0](Dice(0)))
]  # need no context
BESIDE = (" ", "; ", ", ", "\t", " && ", " | ", "  # ")
HOLDERS = (
    'password = "{}"',
    '{{"Authorization": "Bearer {}"}}',
    "https://ada:{}@db.internal/x",
    'curl -H "PRIVATE-TOKEN: {}" https://gitlab.example',
    "--api-token={} --verbose",
    "export SESSION_SECRET={}",
    "jira_token: '{}'",
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ON_A_LINE), st.sampled_from(ON_A_LINE), st.integers(3, 6), st.sampled_from(BESIDE))
def test_of_two_secrets_on_one_line_both_are_covered(one: str, other: str, seed: int, beside: str) -> None:
    (first, before), (second, after) = in_context(one, seed), in_context(other, seed + 10)
    redacted = Redactor().redact(before + beside + after)
    assert first not in redacted
    assert second not in redacted


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ANYWHERE), st.integers(3, 6), st.sampled_from(HOLDERS))
def test_a_secret_that_is_part_of_another_is_covered(rule: str, seed: int, holder: str) -> None:
    secret, _ = in_context(rule, seed)
    assert secret not in Redactor().redact(holder.format(secret))


def test_what_follows_a_secret_may_belong_to_the_next() -> None:
    one, other = (Dice(seed)(3) + "8Q" + "~" + Dice(seed)(34) for seed in (3, 4))
    text = f"ids: {one} {other}"
    assert [text[match.start : match.end] for match in Redactor().find(text)] == [one, other]


def test_of_two_tokens_behind_one_word_both_are_covered() -> None:
    one, other = (SAMPLES["kubernetes-bootstrap-token"][0](Dice(seed)) for seed in (3, 4))
    redacted = Redactor().redact(f"kubeadm join --token {one} --discovery-token {other}")
    assert one not in redacted
    assert other not in redacted


def test_where_the_search_for_keywords_fails_every_rule_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def Match(self, _text: bytes) -> None:
            """What RE2 answers where its memory is used up."""

    monkeypatch.setattr(secrets, "_keywords", Failing)
    assert [match.rule for match in Redactor().find("x glpat-" + Dice(3)(20))] == ["gitlab-access-token"]


OWN = "s3rvice/Token+with spåce&" + "9" * 8 + "Zq"


@pytest.mark.parametrize(
    "shown",
    [
        OWN,
        OWN[::-1],
        " ".join(OWN),
        OWN.encode().hex(),
        OWN.encode().hex().upper(),
        quote(OWN, safe=""),
        quote(OWN, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%C3%A5", "%c3%a5"),
        json.dumps(OWN)[1:-1],
        base64.b64encode(OWN.encode()).decode(),
        base64.urlsafe_b64encode(OWN.encode()).decode(),
        base64.b64encode(b"bot:" + OWN.encode() + b":x").decode()[8:-8],
        base64.b64encode(b"robot:" + OWN.encode()).decode(),
        OWN[:-7],
        OWN[7:],
        OWN[3:-4],
    ],
)
def test_our_own_secret_is_found_in_every_form_it_leaks_in(shown: str) -> None:
    redacted = Redactor([OWN]).redact(f"log: {shown}!")
    assert "<REDACTED:own:" in redacted
    assert not any(shown[at : at + 12] in redacted for at in range(len(shown) - 11))


def test_a_short_run_of_our_own_secret_is_not_the_secret() -> None:
    assert Redactor([OWN]).find(OWN[:10] + " and " + OWN[-10:]) == []


def test_own_secrets_under_eight_characters_are_ignored() -> None:
    assert Redactor(["letmein"]).find("please letmein") == []


def test_a_redactor_does_not_show_its_secrets() -> None:
    redactor = Redactor([OWN], key=b"pepper" * 3)
    assert OWN not in repr(redactor)
    assert "pepper" not in repr(redactor)


def test_a_placeholder_is_stable_under_one_key_and_tells_nothing_under_another() -> None:
    text = "glpat-" + Dice(8)(20)
    assert Redactor(key=b"k").redact(text) == Redactor(key=b"k").redact(text)
    assert Redactor(key=b"k").redact(text) != Redactor(key=b"other").redact(text)


def test_a_placeholder_ends_with_the_keyed_hash_of_the_secret() -> None:
    """What an earlier version wrote down is recognised."""
    token = "glpat-" + Dice(8)(20)
    told = hmac.digest(b"k", token.encode(), "sha256").hex()[:8]
    assert Redactor(key=b"k").redact(token) == f"<REDACTED:gitlab-access-token:{told}>"


def test_a_secret_dressed_as_a_placeholder_is_covered() -> None:
    key = "sk-" + Dice(5)(40, string.ascii_lowercase + string.digits)
    assert key not in Redactor().redact(f"<REDACTED:{key}:0123abcd>")


def test_passwords_that_all_differ_are_each_covered() -> None:
    passwords = [Dice(seed).password() for seed in range(300)]
    text = "".join(f'pwd="{password}"\n' for password in passwords)
    matches = Redactor().find(text)
    assert [text[match.start : match.end] for match in matches] == passwords
    assert {match.rule for match in matches} == {"generic-password"}


FRAGMENTS = st.one_of(
    st.sampled_from(sorted(SAMPLES)).flatmap(
        lambda rule: st.integers(0, 3).map(lambda seed: in_context(rule, seed)[seed % 2])
    ),
    st.sampled_from([OWN, OWN[5:], "<REDACTED:own:00000000>", "<REDACTED:", "eyJ", "password=", '"', "\n", "A", " "]),
    st.text(max_size=12),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS, max_size=8).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redactor = Redactor([OWN])
    once = redactor.redact(text)
    assert redactor.redact(once) == once
    assert redactor.find(once) == []


OWNS = st.text(min_size=8, max_size=40).filter(lambda own: "\0" not in own and own not in "<REDACTED:own:")


@settings(max_examples=60, deadline=None)
@given(OWNS, st.text(max_size=30), st.text(max_size=30))
def test_an_own_secret_never_survives(own: str, before: str, after: str) -> None:
    assert own not in Redactor([own]).redact(before + own + after)


@pytest.mark.parametrize(
    "block",
    ["AK" + "IA" + "ABCDEFGHJKLMQRST", "-----BEGIN PRIVATE KEY-----", 'token="a1B2c3D4e5F6g7H8" ', "sk-", "q"],
)  # fmt: skip
def test_hostile_repetition_takes_linear_time(block: str) -> None:
    redactor = Redactor(["q" * 40])

    def seconds(size: int) -> float:
        text = block * (size // len(block))
        started = time.perf_counter()
        redactor.redact(text)
        return time.perf_counter() - started

    seconds(1_000)
    assert seconds(200_000) < 30 * seconds(20_000) + 0.5
