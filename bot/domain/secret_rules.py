"""What a secret looks like: credential formats as vendors document them.

Data. `bot.domain.secret_values` tells a real value, `bot.domain.secrets` runs the patterns.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.findings import Severity
from bot.domain.secret_values import (
    has_entropy,
    is_no_text,
    is_placeholder,
    looks_chosen,
    looks_generated,
    looks_random,
    looks_strong,
)

BLOCKER, CRITICAL, MAJOR = Severity.BLOCKER, Severity.CRITICAL, Severity.MAJOR
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One credential format.

    `pattern` is RE2 syntax over ASCII text; its first group is the secret where it has one. It is tried only
    where one of `keywords` occurs (compared in lower case). `entropy` is the least Shannon entropy of the
    secret in bits a character; `accepts` is a further test of it.
    """

    id: str
    title: str
    pattern: str
    keywords: tuple[str, ...]
    entropy: float = 3.0
    severity: Severity = BLOCKER
    accepts: Callable[[str], bool] | None = None

    def matches(self, value: str) -> bool:
        """Is this value, which has the format, a real secret?"""
        if not has_entropy(value, self.entropy) or is_placeholder(value):
            return False
        return self.accepts is None or self.accepts(value)


def _near(names: str, value: str, reach: int = 40) -> str:
    """A pattern for a value that only its context tells: assigned to a name that holds one of `names`."""
    gap = rf"""[a-z0-9_. \t"'-]{{0,{reach}}}"""
    return rf"""(?i)(?:{names}){gap}(?::=|=>|=|:|,)[\s"'`]{{0,4}}({value})(?:[^A-Za-z0-9_=/+-]|$)"""


_NAMES_KEY = "secret|token|(?:api|access|auth|private|signing|encryption)[_-]?key"
_NAMES_PASSWORD = "password|passwd|passphrase|pwd"  # noqa: S105 - names of variables
_ASSIGN = r"""[a-z0-9_.-]{0,12}["'\]]{0,2}\s{0,3}(?::\s{0,2}[a-z\[\]| ]{1,20})?(?::=|=>|={1,3}|:)\s{0,3}"""
_QUOTED = r"""["'`]([!#-&(-_a-~]{%d,200})["'`]"""  # printable ASCII without blanks and quotes
_PEM_EDGE = "[A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
_PEM_BODY = r"""(?:\\[nr]|\n-[A-Za-z0-9+/=]|[\sA-Za-z0-9+/=:,."'()#|*])"""  # also in code, JSON and diffs
_PEM = f"-----BEGIN {_PEM_EDGE}{_PEM_BODY}{{64,}}(?:-----END {_PEM_EDGE})?"
# Base64 of "-----BEGIN " and of what may stand before "PRIVATE".
_PEM_BASE64 = (
    r"\bLS0tLS1CRUdJTiB(?:QUklWQVRF|SU0EgUFJJVkFUR|FQyBQUklWQVRF|EU0EgUFJJVkFUR|PUEVOU1NIIFBSSVZBVE"
    r"|FTkNSWVBURUQgUFJJVkFUR|QR1AgUFJJVkFUR)[A-Za-z0-9+/]{60,}={0,2}"
)
_AUTHORIZATION = (
    r"""(?i)authorization["']?\s{0,3}[:=,]\s{0,3}["'`]?(?:bearer|basic|token)\s+([A-Za-z0-9+/=_.~-]{16,})"""
)
_URL_LOGIN = (
    r"""(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@"'<>{}$]{0,64}:([^\s:/@"'<>{}$|\x00]{6,200})@[a-z0-9\[]"""
)
_CONNECTION = (
    r"(?i)\b(?:server|data source|user ?id|uid|database|host|provider|accountname)\s?=[^;\"'\n]{1,100};"
    r"(?:[^;\"'\n]{1,100};){0,8}\s?(?:password|pwd)\s?=\s?([^;\s\"'<>{}$&\x00]{6,100})"
)
_ENVIRONMENT = (
    r"(?im)^[ \t]*(?:export[ \t]+|set[ \t]+|-[ \t]+)?[a-z0-9_.-]*"
    rf"(?:{_NAMES_PASSWORD}|{_NAMES_KEY})[a-z0-9_]{{0,12}}"
    r"[ \t]{0,3}[=:][ \t]{0,3}([A-Za-z0-9+/=_!@#%^&*~.-]{12,200})[ \t]*\r?$"
)

# From the most specific to the most general; where two overlap the first one gives the name.
RULES: tuple[Rule, ...] = (
    # GitLab: docs.gitlab.com/security/tokens, "Token prefixes"; routable tokens add ".<version>.<checksum>".
    Rule("gitlab-access-token", "GitLab access token",
         r"glpat-[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2,12}){0,2}", ("glpat-",)),
    Rule("gitlab-deploy-token", "GitLab deploy token",
         r"gldt-[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2,12}){0,2}", ("gldt-",)),
    Rule("gitlab-runner-token", "GitLab runner token",
         r"glrtr?-[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2,12}){0,2}", ("glrt",)),
    Rule("gitlab-registration-token", "GitLab runner registration token",
         r"GR1348941[A-Za-z0-9_-]{20,}", ("gr1348941",)),
    Rule("gitlab-trigger-token", "GitLab pipeline trigger token",
         r"glptt-[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2,12}){0,2}", ("glptt-",)),
    Rule("gitlab-oauth-secret", "GitLab OAuth application secret", r"gloas-[A-Za-z0-9_-]{40,}", ("gloas-",)),
    Rule("gitlab-job-token", "GitLab CI job token",
         r"glcbt-[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]{2,}){0,2}", ("glcbt-",)),
    Rule("gitlab-scim-token", "GitLab SCIM token", r"glsoat-[A-Za-z0-9_-]{20,}", ("glsoat-",)),
    Rule("gitlab-feed-token", "GitLab feed token", r"glft-[A-Za-z0-9_-]{20,}", ("glft-",), severity=CRITICAL),
    Rule("gitlab-mail-token", "GitLab incoming mail token",
         r"glimt-[A-Za-z0-9_-]{20,}", ("glimt-",), severity=CRITICAL),
    Rule("gitlab-agent-token", "GitLab agent for Kubernetes token",
         r"glagent-[A-Za-z0-9_-]{40,}", ("glagent-",)),
    Rule("gitlab-flags-token", "GitLab feature flags token",
         r"glffct-[A-Za-z0-9_-]{20,}", ("glffct-",), severity=CRITICAL),
    Rule("gitlab-workspace-token", "GitLab workspace token", r"glwt-[A-Za-z0-9_-]{20,}", ("glwt-",)),
    Rule("gitlab-header-token", "GitLab token in a header",
         _near("private-token|job-token|deploy-token", r"[A-Za-z0-9_-]{20,}", 2),
         ("private-token", "job-token", "deploy-token"), 3.3, BLOCKER, looks_random),
    # GitHub: docs.github.com, "About authentication to GitHub".
    Rule("github-token", "GitHub access token",
         r"gh[pousr]_[A-Za-z0-9]{36,}", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    Rule("github-fine-grained-token", "GitHub fine-grained access token",
         r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", ("github_pat_",)),
    # Atlassian Cloud tokens; Bitbucket app passwords; Data Center tokens are base64 of "<digits>:<20 bytes>".
    Rule("atlassian-api-token", "Atlassian API token", r"ATATT3[A-Za-z0-9_=-]{60,}", ("atatt3",)),
    Rule("atlassian-access-token", "Atlassian access token",
         r"AT[CS]TT3[A-Za-z0-9_=-]{60,}", ("atctt3", "atstt3")),
    Rule("bitbucket-app-password", "Bitbucket app password", r"\bATBB[A-Za-z0-9]{32}\b", ("atbb",)),
    Rule("atlassian-datacenter-token", "Jira or Confluence access token",
         _near("jira|confluence|bitbucket|atlassian", r"(?-i:[MNO])[A-Za-z0-9+/]{43}"),
         ("jira", "confluence", "bitbucket", "atlassian"), 3.8),
    Rule("atlassian-legacy-token", "Atlassian API token",
         _near("(?:jira|confluence|atlassian)[a-z0-9_. -]{0,20}(?:token|key)", r"[A-Za-z0-9]{24}", 12),
         ("jira", "confluence", "atlassian"), 3.5, BLOCKER, looks_random),
    # Clouds.
    Rule("aws-access-key-id", "AWS access key id",
         r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", ("akia", "asia", "abia", "acca"), severity=CRITICAL),
    Rule("aws-secret-key", "AWS secret access key",
         _near("aws[a-z0-9_. -]{0,20}(?:secret|key|sk)|secret_?access_?key", r"[A-Za-z0-9/+]{40}", 20),
         ("aws", "secret"), 4.2, BLOCKER, is_no_text),
    Rule("aws-bedrock-key", "Amazon Bedrock API key", r"\bABSK[A-Za-z0-9+/]{60,}={0,2}", ("absk",)),
    Rule("google-api-key", "Google API key",
         r"\b(AIza[A-Za-z0-9_-]{35})(?:[^A-Za-z0-9_-]|$)", ("aiza",), severity=CRITICAL),
    Rule("google-oauth-secret", "Google OAuth client secret", r"\bGOCSPX-[A-Za-z0-9_-]{28}", ("gocspx-",)),
    Rule("google-oauth-token", "Google OAuth access token",
         r"\bya29\.[A-Za-z0-9_-]{30,}", ("ya29.",), severity=CRITICAL),
    Rule("google-service-account", "Google service account key",
         r'"private_key"\s*:\s*"(-----BEGIN [A-Z ]{0,16}PRIVATE KEY-----(?:\\[nr]|[A-Za-z0-9+/=\s-]){64,})"',
         ("private_key",), 4.2),
    Rule("azure-storage-key", "Azure storage account key",
         r"(?i:AccountKey|storage_?(?:account_?)?key)[\"']?\s{0,3}[=:]\s{0,3}[\"']?([A-Za-z0-9+/]{86}==)",
         ("key",), 4.5),
    Rule("azure-client-secret", "Azure AD client secret",
         r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})(?:[^A-Za-z0-9_~.-]|$)",
         ("q~",), 3.5),
    Rule("azure-shared-access-key", "Azure shared access key",
         r"(?i:SharedAccessKey)=([A-Za-z0-9+/]{43}=)", ("sharedaccesskey",), 4.0),
    Rule("azure-app-configuration", "Azure App Configuration secret",
         r"(?i:Endpoint)=https?://[^;\s]{1,200};(?i:Id)=[^;\s]{1,100};(?i:Secret)=([A-Za-z0-9+/]{43}=)",
         ("endpoint=",), 4.0),
    Rule("azure-devops-legacy-token", "Azure DevOps access token",
         _near("azure|devops|vsts|personal_?access_?token", "[a-z2-7]{52}", 20),
         ("azure", "devops", "vsts", "token"), 3.8),
    Rule("azure-devops-token", "Azure DevOps access token",
         r"\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b", ("azdo",)),
    Rule("azure-function-key", "Azure Functions key",
         r"[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{6,8}==", ("azfu",)),
    Rule("alibaba-access-key", "Alibaba Cloud access key id",
         r"\bLTAI[A-Za-z0-9]{16,24}\b", ("ltai",), 3.3, CRITICAL),
    Rule("digitalocean-token", "DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{64}\b", ("_v1_",)),
    Rule("heroku-api-key", "Heroku API key", r"\bHRKU-[A-Za-z0-9_-]{36,}", ("hrku-",)),
    Rule("heroku-legacy-key", "Heroku API key",
         _near("heroku[a-z0-9_. -]{0,20}(?:key|token)", _UUID, 8),
         ("heroku",)),
    Rule("cloudflare-origin-key", "Cloudflare origin CA key",
         r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{146}\b", ("v1.0-",)),
    Rule("fly-token", "Fly.io access token", r"\bfm[12][ar]?_[A-Za-z0-9+/]{80,}={0,2}", ("fm1", "fm2")),
    Rule("netlify-token", "Netlify access token", r"\bnfp_[A-Za-z0-9]{36,}", ("nfp_",)),
    Rule("databricks-token", "Databricks access token", r"\bdapi[0-9a-f]{32}(?:-[0-9])?\b", ("dapi",)),
    Rule("planetscale-token", "PlanetScale token",
         r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}", ("pscale_",)),
    Rule("supabase-token", "Supabase secret key",
         r"\b(?:sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{31,})\b", ("sbp_", "sb_secret_")),
    # Models.
    Rule("anthropic-key", "Anthropic API key", r"sk-ant-[a-z]{3,8}[0-9]{2}-[A-Za-z0-9_-]{32,}", ("sk-ant-",)),
    Rule("openrouter-key", "OpenRouter API key", r"\bsk-or-v1-[0-9a-f]{64}\b", ("sk-or-",)),
    Rule("openai-key", "OpenAI API key",
         r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{32,}", ("sk-proj-", "sk-svcacct-", "sk-admin-")),
    Rule("openai-legacy-key", "OpenAI-style API key", r"\bsk-[A-Za-z0-9]{32,}", ("sk-",), 3.3),
    Rule("huggingface-token", "Hugging Face token",
         r"\b(?:hf|api_org)_[A-Za-z]{34}\b", ("hf_", "api_org_"), 3.5),
    Rule("groq-key", "Groq API key", r"\bgsk_[A-Za-z0-9]{50,}", ("gsk_",)),
    Rule("xai-key", "xAI API key", r"\bxai-[A-Za-z0-9]{70,}", ("xai-",)),
    Rule("perplexity-key", "Perplexity API key", r"\bpplx-[A-Za-z0-9]{48,}", ("pplx-",)),
    Rule("tavily-key", "Tavily API key", r"\btvly-[A-Za-z0-9-]{32,}", ("tvly-",), 3.5),
    Rule("jina-key", "Jina API key", r"\bjina_[0-9a-f]{32}[A-Za-z0-9_-]{28}\b", ("jina_",), 3.5),
    Rule("replicate-token", "Replicate API token", r"\br8_[A-Za-z0-9]{37}\b", ("r8_",)),
    Rule("langsmith-key", "LangSmith API key", r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b", ("lsv2_",)),
    # Chat.
    Rule("slack-token", "Slack token", r"\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{20,}", ("xox",), 2.8),
    Rule("slack-app-token", "Slack app token",
         r"\bxapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[0-9a-f]{32,}", ("xapp-",)),
    Rule("slack-webhook", "Slack webhook address",
         r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9]{6,}/[A-Za-z0-9/]{20,})",
         ("hooks.slack.com",), 3.0, CRITICAL),
    Rule("discord-bot-token", "Discord bot token",
         r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}", (".",), 4.2),
    Rule("discord-webhook", "Discord webhook address",
         r"discord(?:app)?\.com/api/webhooks/([0-9]{15,}/[A-Za-z0-9_-]{60,})",
         ("/api/webhooks/",), 3.0, CRITICAL),
    Rule("telegram-bot-token", "Telegram bot token",
         r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{32,35})(?:[^A-Za-z0-9_-]|$)", (":aa",), 3.5),
    Rule("teams-webhook", "Microsoft Teams webhook address",
         r"(?:webhook|outlook)\.office\.com/webhook(?:b2)?/([0-9a-f@%-]{60,}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36})",
         ("/incomingwebhook/",), 3.0, CRITICAL),
    # Money, mail, telephone.
    Rule("stripe-key", "Stripe API key", r"\b[sr]k_live_([A-Za-z0-9]{16,})", ("k_live_",)),
    Rule("stripe-test-key", "Stripe test key", r"\b[sr]k_test_([A-Za-z0-9]{16,})", ("k_test_",), 3.3, MAJOR),
    Rule("webhook-signing-secret", "webhook signing secret",
         r"\bwhsec_([A-Za-z0-9+/_-]{24,}={0,2})", ("whsec_",), 3.3, CRITICAL),
    Rule("square-token", "Square access token",
         r"\b(EAAA[A-Za-z0-9_-]{60}|sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43})(?:[^A-Za-z0-9_-]|$)",
         ("eaaa", "sq0"), 3.5),
    Rule("shopify-token", "Shopify token", r"\bshp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}\b", ("shp",)),
    Rule("razorpay-key", "Razorpay key", r"\brzp_live_[A-Za-z0-9]{14,}", ("rzp_live_",)),
    Rule("twilio-key", "Twilio API key", r"\bSK[0-9a-f]{32}\b", ("sk",), severity=CRITICAL),
    Rule("twilio-auth-token", "Twilio auth token", _near("twilio", r"[0-9a-f]{32}"), ("twilio",)),
    Rule("sendgrid-key", "SendGrid API key",
         r"\bSG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}", ("sg.",), 3.5),
    Rule("mailgun-key", "Mailgun API key",
         r"\b(?:key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})\b", ("key-", "mailgun", "mg")),
    Rule("mailchimp-key", "Mailchimp API key", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b", ("-us",)),
    Rule("brevo-key", "Brevo API key", r"\bxkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}\b", ("xkeysib-",)),
    # Registries and build.
    Rule("npm-token", "npm access token", r"\bnpm_[A-Za-z0-9]{36}\b", ("npm_",)),
    Rule("npmrc-token", "npm registry token",
         r":_(?:authToken|password|auth)\s*=\s*[\"']?([A-Za-z0-9+/=_-]{20,})", (":_auth", ":_password"), 3.3),
    Rule("pypi-token", "PyPI upload token", r"\bpypi-Ag[A-Za-z0-9_-]{50,}", ("pypi-ag",)),
    Rule("rubygems-key", "RubyGems API key", r"\brubygems_[0-9a-f]{48}\b", ("rubygems_",)),
    Rule("nuget-key", "NuGet API key", r"\boy2[a-z0-9]{43}\b", ("oy2",), 3.5),
    Rule("crates-token", "crates.io API token",
         r"\bcio[A-Za-z0-9]{32}\b", ("cio",), 3.8, BLOCKER, looks_random),
    Rule("docker-token", "Docker Hub access token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}", ("dckr_",)),
    Rule("artifactory-key", "Artifactory token",
         r"\b(?:AKCp[A-Za-z0-9]{69}|cmVmdGtuO[A-Za-z0-9+/]{55})", ("akcp", "cmvmdgtuo")),
    Rule("sonar-legacy-token", "Sonar token",
         _near("sonar[a-z0-9_. -]{0,12}(?:login|token)", "[0-9a-f]{40}", 4), ("sonar",)),
    Rule("teamcity-token", "TeamCity access token",
         r"\beyJ0eXAiOiAiVENWMiJ9\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}", ("eyj0exaioiaivenwmij9",)),
    Rule("stackhawk-key", "StackHawk API key",
         r"\bhawk\.[A-Za-z0-9_-]{20}\.[A-Za-z0-9_-]{20}\b", ("hawk.",), 3.5),
    Rule("sourcegraph-token", "Sourcegraph access token",
         r"\bsgp_(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}\b", ("sgp_",)),
    Rule("dependency-track-key", "Dependency-Track API key", r"\bodt_[A-Za-z0-9]{32}\b", ("odt_",)),
    Rule("sonar-token", "Sonar token", r"\bsq[uap]_[0-9a-f]{40}\b", ("squ_", "sqa_", "sqp_")),
    Rule("buildkite-token", "Buildkite token", r"\bbk[a-z]{2}_[0-9a-f]{40}\b", ("bk",)),
    Rule("pulumi-token", "Pulumi access token", r"\bpul-[0-9a-f]{40}\b", ("pul-",)),
    Rule("terraform-token", "Terraform Cloud token",
         r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}", (".atlasv1.",)),
    Rule("vault-token", "HashiCorp Vault token",
         r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}", ("hvs.", "hvb.", "hvr."), 3.3),
    Rule("vault-legacy-token", "HashiCorp Vault token",
         _near("vault[a-z0-9_. -]{0,20}token", r"[sbr]\.[A-Za-z0-9]{24,}", 8), ("vault",), 3.5),
    Rule("vault-unseal-key", "HashiCorp Vault unseal key",
         r"(?i)\bunseal(?: key)?(?: [0-9])?:?\s{1,3}([A-Za-z0-9+/]{43,44}=?)(?:[^A-Za-z0-9+/=]|$)",
         ("unseal",), 4.0),
    Rule("kubernetes-bootstrap-token", "Kubernetes bootstrap token",
         r"(?i)(?:bootstrap|kubeadm)[^\n]{0,60}[^a-z0-9.]([a-z0-9]{6}\.[a-z0-9]{16})(?:[^a-z0-9.]|$)",
         ("bootstrap", "kubeadm"), 3.0, BLOCKER, looks_generated),
    Rule("doppler-token", "Doppler token",
         r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,}", ("dp.",), 3.5),
    Rule("onepassword-token", "1Password service account token",
         r"\bops_eyJ[A-Za-z0-9+/_-]{100,}={0,2}", ("ops_eyj",)),
    # Observing, planning.
    Rule("grafana-token", "Grafana token", r"\bglsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}\b", ("glsa_",)),
    Rule("grafana-cloud-token", "Grafana Cloud token", r"\bglc_[A-Za-z0-9+/]{32,}={0,2}", ("glc_",)),
    Rule("grafana-legacy-key", "Grafana API key", r"\beyJrIjoi[A-Za-z0-9+/]{60,}={0,2}", ("eyjrijoi",)),
    Rule("sentry-token", "Sentry auth token",
         r"\b(?:sntrys_eyJ[A-Za-z0-9+/=_-]{60,}|sntryu_[0-9a-f]{64})", ("sntry",)),
    Rule("newrelic-key", "New Relic key",
         r"\b(?:NRAK-[A-Z0-9]{27}|NRI[IQ]-[A-Za-z0-9_-]{32}|[0-9a-fA-FxX]{36}NRAL)\b",
         ("nrak-", "nrii-", "nriq-", "nral")),
    Rule("datadog-key", "Datadog key",
         _near("datadog|dd[_-](?:api|app)", r"[0-9a-f]{40}|[0-9a-f]{32}"), ("datadog", "dd_a", "dd-a")),
    Rule("newrelic-legacy-key", "New Relic key",
         r"\b(?:NRAA-[0-9a-f]{27}|NRRA-[0-9a-f]{42}|px-(?:api|dep)-[0-9a-f-]{36})\b",
         ("nraa-", "nrra-", "px-api-", "px-dep-")),
    Rule("okta-token", "Okta API token",
         _near("okta[a-z0-9_. -]{0,20}(?:token|key)|SSWS", r"00[A-Za-z0-9_-]{40}", 8), ("okta", "ssws"), 3.5),
    Rule("okta-header-token", "Okta API token", r"\bSSWS\s{1,3}(00[A-Za-z0-9_-]{40})", ("ssws",), 3.5),
    Rule("salesforce-token", "Salesforce access token",
         r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{80,}", ("00d",), 3.8),
    Rule("facebook-token", "Facebook access token", r"\bEAAC[A-Za-z0-9]{60,}", ("eaac",), 3.8),
    Rule("facebook-secret", "Facebook application secret",
         _near("facebook[a-z0-9_. -]{0,20}(?:secret|key)|fb_?(?:api|app)_?(?:secret|key)", "[0-9a-f]{32}", 12),
         ("facebook", "fb")),
    Rule("postmark-token", "Postmark API token", _near("postmark", _UUID), ("postmark",)),
    Rule("mapbox-token", "Mapbox secret token",
         r"\b[st]k\.eyJ[A-Za-z0-9_-]{30,}\.[A-Za-z0-9_-]{20,}", ("k.eyj",), 3.8),
    Rule("twitch-stream-key", "Twitch stream key", r"\blive_[0-9]{6,12}_[A-Za-z0-9]{30}\b", ("live_",), 3.5),
    Rule("adafruit-key", "Adafruit IO key", r"\baio_[A-Za-z0-9]{28}\b", ("aio_",), 3.5),
    Rule("appsync-key", "AWS AppSync API key", r"\bda2-[a-z0-9]{26}\b", ("da2-",), 3.3),
    Rule("dynatrace-token", "Dynatrace token", r"\bdt0[a-z][0-9]{2}\.[A-Z2-7]{24}\.[A-Z2-7]{64}\b", ("dt0",)),
    Rule("linear-key", "Linear API key", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}", ("lin_",)),
    Rule("postman-key", "Postman API key", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b", ("pmak-",)),
    Rule("notion-token", "Notion integration token",
         r"\b(?:ntn_[A-Za-z0-9]{43,50}|secret_[A-Za-z0-9]{43})\b", ("ntn_", "secret_"), 3.8),
    Rule("airtable-token", "Airtable access token", r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b", ("pat",)),
    Rule("figma-token", "Figma access token", r"\bfig[dor]_[A-Za-z0-9_-]{36,}", ("figd_", "figo_", "figr_")),
    # Keys and formats of no one vendor.
    Rule("private-key", "private key",
         _PEM,
         ("private key",), 4.2),
    Rule("putty-private-key", "PuTTY private key",
         r"Private-Lines: [0-9]+\s+([A-Za-z0-9+/=\s]{64,})(?:[^A-Za-z0-9+/=-]|$)", ("private-lines",), 4.2),
    Rule("age-secret-key", "age secret key",
         r"(?i)\bAGE-SECRET-KEY-(1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{58})\b", ("age-secret-key-1",)),
    Rule("encoded-private-key", "private key in base64", _PEM_BASE64, ("ls0tls1crudjtib",), 4.2),
    Rule("wireguard-key", "WireGuard key",
         r"(?i)\b(?:PresharedKey|PrivateKey)\s{0,3}=\s{0,3}([A-Za-z0-9+/]{43}=)(?:[^A-Za-z0-9+/=]|$)",
         ("presharedkey", "privatekey"), 4.0),
    Rule("jwt", "JSON web token",
         r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}", ("eyj",), 3.5, CRITICAL),
    Rule("url-password", "password in an address",
         _URL_LOGIN,
         ("://",), 2.4, CRITICAL, looks_strong),
    Rule("authorization-header", "authorization header",
         _AUTHORIZATION,
         ("authorization",), 3.3, CRITICAL, looks_random),
    Rule("django-secret-key", "Django secret key", r"\bdjango-insecure-([!#-&(-~]{40,60})", ("django-insecure-",),
         3.5, MAJOR),
    Rule("netrc-password", "password in a netrc file",
         r"(?i)\bmachine\s+\S{1,100}\s+login\s+\S{1,100}\s+password\s+([!-#%-;=-z|~]{6,100})", ("machine",),
         2.4, CRITICAL, looks_strong),
    Rule("connection-password", "password in a connection string", _CONNECTION, ("password", "pwd"),
         2.4, CRITICAL, looks_strong),
    Rule("sql-password", "database password",
         r"(?i)\bidentified\s+(?:with\s+\w+\s+)?by\s+(?:password\s+)?" + _QUOTED % 8,
         ("identified",), 2.5, CRITICAL, looks_chosen),
    Rule("generic-password", "hard-coded password",
         f"(?i)(?:{_NAMES_PASSWORD})" + _ASSIGN + _QUOTED % 8,
         ("password", "passwd", "passphrase", "pwd"), 2.5, CRITICAL, looks_chosen),
    Rule("generic-secret", "hard-coded secret",
         f"(?i)(?:{_NAMES_KEY})" + _ASSIGN + _QUOTED % 16, ("secret", "token", "key"),
         3.4, CRITICAL, looks_random),
    Rule("generic-env-password", "hard-coded password",
         r"(?:^|[\s;,&|\"'`(])[A-Za-z0-9_]{0,40}(?:PASSWORD|PASSWD|PASS)="
         r"([A-Za-z0-9+/_!@#%^&*~.-]{8,100})(?:[\s;,|\"'`)]|$)",
         ("password", "passwd", "pass"), 2.5, CRITICAL, looks_chosen),
    Rule("generic-env-secret", "hard-coded secret",
         _ENVIRONMENT,
         ("password", "passwd", "passphrase", "pwd", "secret", "token", "key"),
         3.4, CRITICAL, looks_random),
    Rule("generic-argument", "secret in an argument",
         rf"(?i)(?:^|[\s?&\"'-])[a-z0-9_.-]{{0,40}}(?:{_NAMES_PASSWORD}|{_NAMES_KEY})=([A-Za-z0-9+/_.-]{{20,200}})",
         ("password", "passwd", "passphrase", "pwd", "secret", "token", "key"),
         3.4, CRITICAL, looks_random),
)  # fmt: skip

OWN = Rule("own", "credential of this bot", "", ())
