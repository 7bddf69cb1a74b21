"""Reading and editing issues, the workflow, comments, links and properties, as each deployment has them."""

import urllib.error
import urllib.request

import pytest

from tests.jira_server import JiraServer, document
from tests.sandbox_server import SandboxServer

LINK = {"globalId": "system=gitlab&mr=1!7", "object": {"url": "http://127.0.0.1/mr/7", "title": "!7 Codes"}}
ISSUE = "/issue/SHOP-12"


def text(jira: JiraServer, words: str) -> object:
    return document(words) if jira.deployment == "cloud" else words


# --- who is asking


def test_cloud_takes_a_wrong_token_for_nobody_and_says_so_in_a_header(cloud: JiraServer) -> None:
    stale = cloud.authorization("trivet")
    cloud.control("people/trivet", token="ATATT3x" + "Zq8Rt2vLm4Xc7Wn1Kd9P")
    issue = cloud.rest("GET", ISSUE, user=None, Authorization=stale)
    assert (issue.status, issue.headers["X-Seraph-LoginReason"]) == (404, "AUTHENTICATED_FAILED")
    found = cloud.rest("GET", "/search/jql?jql=project%20%3D%20SHOP", user=None, Authorization=stale)
    assert (found.status, found.body["issues"]) == (200, [])
    me = cloud.rest("GET", "/myself", user=None, Authorization=stale)
    assert (me.status, me.body) == (401, "Client must be authenticated to access this resource.")


def test_data_center_refuses_a_wrong_token(center: JiraServer) -> None:
    assert center.rest("GET", ISSUE, user=None, Authorization="Bearer nothing").status == 401
    assert center.rest("GET", ISSUE, user=None).body["errorMessages"][1] == "Login Required"
    assert center.rest("GET", "/serverInfo", user=None).body["deploymentType"] == "Server"


def test_people_have_account_ids_on_cloud_and_names_on_data_center(jira: JiraServer) -> None:
    ada, cloud = jira.person("ada"), jira.deployment == "cloud"
    query = f"accountId={ada['account_id']}" if cloud else "username=ada"
    shown = jira.rest("GET", f"/user?{query}&expand=groups", user="sam").body
    assert ("emailAddress" in shown, "name" in shown, "accountId" in shown) == (not cloud, not cloud, cloud)
    grace = jira.person("grace")
    query = f"accountId={grace['account_id']}" if cloud else f"key={grace['key']}"
    groups = jira.rest("GET", f"/user?{query}&expand=groups").body["groups"]["items"]
    assert [one["name"] for one in groups] == ["shop-developers", "jira-administrators"]
    assert ("emailAddress" in jira.rest("GET", "/myself").body) is True


def test_version_3_is_clouds_alone(jira: JiraServer) -> None:
    status = jira.rest("GET", "/rest/api/3/issue/SHOP-12").status
    assert status == (200 if jira.deployment == "cloud" else 404)


def test_members_of_a_role_are_told_to_administrators_of_the_project(jira: JiraServer) -> None:
    role = jira.rest("GET", "/project/SHOP/role").body["Developers"].partition("/jira")[2]
    actors = jira.rest("GET", role).body["actors"]
    kinds = [actor["type"].split("-")[1] for actor in actors]
    assert kinds == ["user", "user", "group"]
    assert ("actorUser" in actors[0]) is (jira.deployment == "cloud")
    assert jira.rest("GET", role, user="ada").status == 403


# --- reading


def test_cloud_tells_a_text_as_adf_in_version_3_and_as_wiki_text_in_version_2(cloud: JiraServer) -> None:
    described = cloud.rest("GET", f"{ISSUE}?fields=description").body["fields"]["description"]
    assert described["type"] == "doc"
    plain = cloud.rest("GET", "/rest/api/2/issue/SHOP-12").body["fields"]["description"]
    assert "h2. Acceptance criteria\n\n* A customer can type several codes" in plain


def test_what_cannot_be_seen_is_not_found(jira: JiraServer) -> None:
    jira.act("SHOP-12", "security", level="Internal")
    jira.act("SHOP-13", "delete")
    words = ["Issue does not exist or you do not have permission to see it."]
    for key in ("SHOP-12", "SHOP-13", "SHOP-99", "UTF-8"):
        reply = jira.rest("GET", f"/issue/{key}")
        assert (reply.status, reply.body["errorMessages"]) == (404, words)
    assert jira.rest("GET", ISSUE, user="grace").body["fields"]["security"]["name"] == "Internal"
    jira.control("permissions", person="sam", permission="BROWSE_PROJECTS", on=False)
    assert jira.rest("GET", "/project/SHOP", user="sam").status == 404
    assert jira.rest("GET", "/project", user="sam").body == []


def test_a_moved_issue_answers_to_its_old_key_with_the_new_one(jira: JiraServer) -> None:
    jira.control("projects", key="OPS", people=["trivet"])
    jira.act("SHOP-12", "project", to="OPS")
    assert jira.rest("GET", ISSUE).body["key"] == "OPS-1"


def test_the_history_tells_each_change_of_the_status(jira: JiraServer) -> None:
    jira.act("SHOP-12", "move", to="In Progress")
    jira.act("SHOP-12", "move", to="Done", user="grace")
    histories = jira.rest("GET", f"{ISSUE}?expand=changelog").body["changelog"]["histories"]
    newest = histories[0] if jira.deployment == "cloud" else histories[-1]
    moved = {item["field"]: item["toString"] for item in newest["items"]}
    assert moved == {"resolution": "Done", "status": "Done"}
    assert newest["author"]["displayName"] == "Grace Okafor"


# --- editing


def test_labels_components_and_priority_are_set_and_named_in_the_history(jira: JiraServer) -> None:
    update = {
        "labels": [{"add": "codes"}, {"remove": "campaigns"}],
        "components": [{"add": {"name": "Receipts"}}],
    }
    body = {"update": update, "fields": {"priority": {"name": "High"}}}
    assert jira.rest("PUT", f"{ISSUE}?notifyUsers=false", body).status == 204
    fields = jira.rest("GET", ISSUE).body["fields"]
    assert (fields["labels"], fields["priority"]["name"]) == (["codes"], "High")
    assert [one["name"] for one in fields["components"]] == ["Checkout", "Receipts"]
    changed = {(item["field"], item["from"], item["to"]) for item in jira.issue()["history"]}
    assert changed == {
        ("labels", "campaigns", "codes"),
        ("priority", "Medium", "High"),
        ("Component", None, "Receipts"),
    }


def test_setting_what_is_there_already_changes_nothing(jira: JiraServer) -> None:
    assert jira.rest("PUT", ISSUE, {"fields": {"labels": ["campaigns"]}}).status == 204
    assert (jira.issue()["history"], jira.issue()["writes"]) == ([], {})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("components", [{"name": "Cellar"}], "Component name 'Cellar' is not valid"),
        ("priority", {"name": "Urgent"}, "priority"),
        ("labels", ["two words"], "The label 'two words' contains spaces which is invalid."),
        (
            "environment",
            "x",
            "Field 'environment' cannot be set. It is not on the appropriate screen, or unknown.",
        ),
        ("customfield_1", "x", "It is not on the appropriate screen, or unknown."),
        ("summary", "", "You must specify a summary of the issue."),
        ("status", {"name": "Done"}, "It is not on the appropriate screen, or unknown."),
    ],
)
def test_a_field_that_cannot_be_set_so_is_named_and_nothing_is_set(
    center: JiraServer, field: str, value: object, words: str
) -> None:
    reply = center.rest("PUT", ISSUE, {"fields": {"assignee": None, field: value}})
    assert reply.status == 400
    assert words.lower() in reply.body["errors"][field].lower()
    assert center.issue()["assignee"]["name"] == "ada"


def test_editing_needs_the_permission_and_json(jira: JiraServer) -> None:
    assert jira.rest("PUT", ISSUE, {"fields": {"labels": []}}, user="sam").status == 403
    assert jira.rest("PUT", ISSUE, b"{nonsense").status == 400
    assert jira.rest("PUT", ISSUE, [1]).status == 400
    assert jira.rest("PUT", ISSUE, {"fieldz": {}}).status == 400


# --- the workflow


def test_a_transition_leads_on_only_with_its_required_field(jira: JiraServer) -> None:
    move = f"{ISSUE}/transitions"
    assert [one["name"] for one in jira.rest("GET", move).body["transitions"]] == ["Start work"]
    assert jira.rest("POST", move, {"transition": {"id": "31"}}).body["errorMessages"] == [
        "Transition id '31' is not valid for this issue."
    ]
    assert jira.rest("POST", move, {"transition": {"id": "11"}}).status == 204
    offered = jira.rest("GET", f"{move}?expand=transitions.fields").body["transitions"]
    finish = next(one for one in offered if one["to"]["statusCategory"]["key"] == "done")
    assert finish["fields"]["resolution"]["required"] is True
    body = {"transition": {"id": finish["id"]}}
    assert jira.rest("POST", move, body).body["errors"] == {"resolution": "Resolution is required."}
    assert (
        "resolution"
        in jira.rest("POST", move, body | {"fields": {"resolution": {"name": "Gone"}}}).body["errors"]
    )
    assert (
        "priority"
        in jira.rest("POST", move, body | {"fields": {"priority": {"name": "High"}}}).body["errors"]
    )
    assert jira.issue()["status"]["name"] == "In Progress"
    assert jira.rest("POST", move, body | {"fields": {"resolution": {"name": "Done"}}}).status == 204
    assert (jira.issue()["statuses"], jira.issue()["resolution"]) == (["In Progress", "Done"], "Done")


def test_what_a_transition_asks_for_can_be_ordered(jira: JiraServer) -> None:
    jira.control("transitions/require", status="In Progress", field="fixVersions", required=True)
    move = {"transition": {"id": "11"}}
    assert "fixVersions" in jira.rest("POST", f"{ISSUE}/transitions", move).body["errors"]
    jira.control("transitions/drop", name="Start work")
    assert jira.rest("GET", f"{ISSUE}/transitions").body["transitions"] == []


@pytest.mark.parametrize(
    "body", [{}, {"transition": {}}, {"transition": {"id": "x"}}, {"transition": {"id": None}}]
)
def test_a_transition_without_a_number_is_refused(cloud: JiraServer, body: object) -> None:
    assert cloud.rest("POST", f"{ISSUE}/transitions", body).status == 400


# --- comments


def test_a_comment_is_found_by_its_property_and_edited_in_place(jira: JiraServer) -> None:
    made = jira.rest("POST", f"{ISSUE}/comment", {"body": text(jira, "first")})
    assert made.status == 201
    number = made.body["id"]
    address = f"/comment/{number}/properties/bot.link"
    assert jira.rest("PUT", address, {"mr": 7}).status == 201
    assert jira.rest("PUT", address, {"mr": 8}).status == 200
    assert jira.rest("PUT", f"{ISSUE}/comment/{number}", {"body": text(jira, "second")}).status == 200
    [shown] = jira.rest("GET", f"{ISSUE}/comment?expand=properties").body["comments"]
    assert shown["properties"] == [{"key": "bot.link", "value": {"mr": 8}}]
    assert shown["body"] == text(jira, "second")
    assert jira.rest("GET", address).body["value"] == {"mr": 8}
    assert jira.issue()["writes"]["trivet"] == {
        "comment_created": 1,
        "comment_property": 2,
        "comment_updated": 1,
    }


def test_only_cloud_takes_properties_with_the_comment(jira: JiraServer) -> None:
    body = {"body": text(jira, "first"), "properties": [{"key": "bot.link", "value": {"mr": 7}}]}
    number = jira.rest("POST", f"{ISSUE}/comment", body).body["id"]
    kept = jira.rest("GET", f"/comment/{number}/properties").body["keys"]
    assert [one["key"] for one in kept] == (["bot.link"] if jira.deployment == "cloud" else [])


def test_others_comments_are_not_for_editing(jira: JiraServer) -> None:
    number = jira.act("SHOP-12", "comment", body="mine", user="ada")["id"]
    body = {"body": text(jira, "yours")}
    assert jira.rest("PUT", f"{ISSUE}/comment/{number}", body).status == 400
    assert jira.rest("DELETE", f"{ISSUE}/comment/{number}").status == 400
    assert jira.rest("PUT", f"/comment/{number}/properties/x", 1).status == 403
    assert jira.rest("PUT", f"{ISSUE}/comment/999", body).status == 404


def test_a_comment_for_a_role_is_written_and_read_by_its_members(jira: JiraServer) -> None:
    def write(user: str, role: str) -> int:
        body = {"body": text(jira, "inside"), "visibility": {"type": "role", "value": role}}
        return jira.rest("POST", f"{ISSUE}/comment", body, user=user).status

    assert write("trivet", "Developers") == 201
    assert write("trivet", "Cleaners") == 400
    assert write("sam", "Developers") == 400
    assert jira.rest("GET", f"{ISSUE}/comment", user="sam").body["total"] == 0
    assert jira.rest("GET", f"{ISSUE}/comment", user="grace").body["total"] == 1


def test_comments_come_in_pages_and_either_order(jira: JiraServer) -> None:
    for word in ("one", "two", "three"):
        jira.act("SHOP-12", "comment", body=word)
    page = jira.rest("GET", f"{ISSUE}/comment?orderBy=-created&maxResults=1&startAt=1").body
    assert (page["total"], page["startAt"], [one["body"] for one in page["comments"]]) == (
        3,
        1,
        [text(jira, "two")],
    )
    assert jira.rest("GET", f"{ISSUE}/comment?orderBy=author").status == 400


def test_a_comment_that_is_empty_or_too_long_is_refused(jira: JiraServer) -> None:
    for words in (" ", "x" * 32_768):
        reply = jira.rest("POST", f"{ISSUE}/comment", {"body": text(jira, words)})
        assert (reply.status, list(reply.body["errors"])) == (400, ["comment"])
    assert jira.rest("POST", f"{ISSUE}/comment", {"body": text(jira, "x" * 32_767)}).status == 201


def test_cloud_refuses_a_string_or_a_broken_document_as_a_body(cloud: JiraServer) -> None:
    reply = cloud.rest("POST", f"{ISSUE}/comment", {"body": "plain"})
    assert (reply.status, reply.body["errors"]) == (400, {"comment": "Comment body is not valid!"})
    broken = {"type": "doc", "version": 1, "content": [{"type": "widget"}]}
    reply = cloud.rest("POST", f"{ISSUE}/comment", {"body": broken})
    assert (reply.status, reply.body["errorMessages"]) == (400, ["INVALID_INPUT"])
    reply = cloud.rest("PUT", ISSUE, {"fields": {"description": broken}})
    assert (reply.status, reply.body["errorMessages"]) == (400, ["INVALID_INPUT"])
    reply = cloud.rest("PUT", ISSUE, {"fields": {"description": "plain"}})
    assert "Atlassian Document" in reply.body["errors"]["description"]
    assert cloud.issue()["comments"] == []


# --- remote links and properties


def test_a_remote_link_is_made_once_for_each_global_id(jira: JiraServer) -> None:
    first = jira.rest("POST", f"{ISSUE}/remotelink", LINK | {"relationship": "mentioned in"})
    assert first.status == 201
    again = jira.rest(
        "POST", f"{ISSUE}/remotelink", LINK | {"object": LINK["object"] | {"title": "!7 Merged"}}
    )
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    [link] = jira.rest("GET", f"{ISSUE}/remotelink").body
    assert link["object"]["title"] == "!7 Merged"
    assert "relationship" not in link
    [shown] = jira.issue()["links"]
    assert (shown["title"], shown["relationship"]) == ("!7 Merged", "links to")
    assert jira.issue()["writes"]["trivet"] == {"link_created": 1, "link_updated": 1}


def test_links_without_a_global_id_pile_up(jira: JiraServer) -> None:
    for _ in range(2):
        assert jira.rest("POST", f"{ISSUE}/remotelink", {"object": LINK["object"]}).status == 201
    assert len(jira.issue()["links"]) == 2


def test_a_link_is_read_and_deleted_by_its_global_id(jira: JiraServer) -> None:
    jira.rest("POST", f"{ISSUE}/remotelink", LINK)
    address = f"{ISSUE}/remotelink?globalId=system%3Dgitlab%26mr%3D1%217"
    assert jira.rest("GET", address).body["globalId"] == LINK["globalId"]
    assert jira.rest("DELETE", address).status == 204
    assert jira.rest("GET", address).status == 404
    assert jira.rest("DELETE", address).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"object": {"title": "x"}}, "url"),
        ({"object": {"url": "http://x.example"}}, "title"),
        ({"object": {"url": "nowhere", "title": "x"}}, "url"),
        (LINK | {"globalId": "x" * 256}, "globalId"),
        ({"object": {"url": "http://x.example", "title": "x", "icon": {"url16x16": "icon.png"}}}, "iconUrl"),
    ],
)
def test_a_link_that_lacks_something_is_refused(cloud: JiraServer, body: object, field: str) -> None:
    reply = cloud.rest("POST", f"{ISSUE}/remotelink", body)
    assert (reply.status, list(reply.body["errors"])) == (400, [field])


def test_a_property_holds_so_much_and_no_more(jira: JiraServer) -> None:
    address = f"{ISSUE}/properties/trivet"
    assert jira.rest("PUT", address, "x" * 32_766).status == 201
    assert jira.rest("PUT", address, "x" * 32_767).status == 400
    assert jira.rest("PUT", address, {"seen": 1}).status == 200
    assert jira.rest("GET", address).body == {"key": "trivet", "value": {"seen": 1}}
    assert jira.rest("DELETE", address).status == 204
    assert jira.rest("GET", address).status == 404


# --- limits and faults


def test_cloud_limits_the_writes_to_one_issue(cloud: JiraServer) -> None:
    cloud.control("limits", windows=[[3, 60]])
    for _ in range(3):
        assert cloud.rest("POST", f"{ISSUE}/remotelink", LINK).status < 300
    refused = cloud.rest("POST", f"{ISSUE}/remotelink", LINK)
    assert refused.status == 429
    assert refused.headers["RateLimit-Reason"] == "jira-per-issue-on-write"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert cloud.rest("GET", ISSUE).status == 200
    assert cloud.rest("POST", "/issue/SHOP-13/remotelink", LINK).status == 201


def test_faults_strike_jira_and_its_requests_are_on_record(jira: JiraServer) -> None:
    jira.fault(path="/comment$", method="POST", user="trivet", status=503, headers={"Retry-After": "7"})
    jira.fault(path="/remotelink", drop_answer=True, status=502)
    reply = jira.rest("POST", f"{ISSUE}/comment", {"body": text(jira, "x")})
    assert (reply.status, reply.headers["Retry-After"], jira.issue()["comments"]) == (503, "7", [])
    assert jira.rest("POST", f"{ISSUE}/remotelink", LINK).status == 502
    assert len(jira.issue()["links"]) == 1
    seen = [(one["method"], one["status"], one["user"]) for one in jira.requests("POST")]
    assert seen == [("POST", 503, "trivet"), ("POST", 502, "trivet")]


def test_a_sandbox_without_jira_has_none(sandbox: SandboxServer) -> None:
    assert sandbox.call("GET", "/sandbox/jira/view") is None
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{sandbox.url}/jira/rest/api/2/serverInfo")
    with refusal.value:
        assert refusal.value.code == 404


def test_the_deployment_can_change_and_texts_with_it(cloud: JiraServer) -> None:
    cloud.rest("POST", f"{ISSUE}/comment", {"body": document("see [this]")})
    cloud.control("deployment", deployment="datacenter")
    cloud.deployment = "datacenter"
    assert cloud.rest("GET", f"{ISSUE}/comment").body["comments"][0]["body"] == r"see \[this\]"
    assert cloud.rest("GET", "/rest/api/3/myself").status == 404


def test_the_view_has_structure_and_no_markup(jira: JiraServer) -> None:
    jira.act("SHOP-12", "comment", body="*bold* <b>tag</b>", user="sam")
    jira.rest("POST", f"{ISSUE}/remotelink", LINK)
    shown = jira.call("GET", "/sandbox/jira/view")
    issue = shown["issues"][0]
    assert (shown["deployment"], issue["status"]["category"]) == (jira.deployment, "new")
    assert [block["type"] for block in issue["description"]["content"]][-3:] == [
        "bulletList",
        "heading",
        "paragraph",
    ]
    words = issue["comments"][0]["body"]["content"][0]["content"]
    assert words == [
        {"type": "text", "text": "bold", "marks": [{"type": "strong"}]},
        {"type": "text", "text": " <b>tag</b>"},
    ]
    assert issue["links"][0]["url"] == LINK["object"]["url"]


ODD = (True, 7, "x", [], [1], {"a": 1}, [{"key": []}])
WRITES = {  # (method, path) -> a good body, whose every key is made odd in turn
    ("PUT", ISSUE): {"fields": {}, "update": {}},
    ("POST", f"{ISSUE}/transitions"): {"transition": {"id": "11"}, "fields": {}},
    ("POST", f"{ISSUE}/comment"): {"body": document("x"), "visibility": None, "properties": []},
    ("POST", f"{ISSUE}/remotelink"): {"relationship": "x", "application": {}, **LINK},
    ("POST", "/search/jql"): {"jql": "project = SHOP", "fields": [], "nextPageToken": None, "maxResults": 1},
}


@pytest.mark.parametrize(("write", "body"), WRITES.items())
def test_no_odd_value_makes_it_fail(
    cloud: JiraServer, write: tuple[str, str], body: dict[str, object]
) -> None:
    bodies = [body | {key: odd} for key in body for odd in ODD]
    if "object" in body:
        bodies += [body | {"object": LINK["object"] | {"status": odd, "icon": odd}} for odd in ODD]
    assert all(cloud.rest(*write, one).status < 500 for one in bodies)


def test_permissions_are_told_for_a_project_or_an_issue(jira: JiraServer) -> None:
    def has(user: str, where: str) -> dict[str, bool]:
        asked = f"/mypermissions?permissions=BROWSE_PROJECTS,EDIT_ISSUES&{where}"
        told = jira.rest("GET", asked, user=user).body["permissions"]
        return {key: one["havePermission"] for key, one in told.items()}

    assert has("sam", "projectKey=SHOP") == {"BROWSE_PROJECTS": True, "EDIT_ISSUES": False}
    assert has("trivet", "issueKey=SHOP-12") == {"BROWSE_PROJECTS": True, "EDIT_ISSUES": True}
    assert jira.rest("GET", "/mypermissions?permissions=LAUNCH_ROCKETS").status == 400


def test_an_account_of_a_data_center_sees_when_its_own_tokens_expire(center: JiraServer) -> None:
    tokens = "/rest/pat/latest/tokens"
    center.control("people/trivet", token_expires="2031-05-01T00:00:00.000Z")
    assert [one["expiringAt"] for one in center.rest("GET", tokens).body] == ["2031-05-01T00:00:00.000Z"]
    assert "expiringAt" not in center.rest("GET", tokens, user="ada").body[0]
    assert center.rest("GET", tokens, user=None).status == 401


def test_own_comments_take_a_permission_to_edit_and_one_to_delete(jira: JiraServer) -> None:
    number = jira.act("SHOP-12", "comment", body="Mine", user="trivet")["id"]
    own = f"/issue/SHOP-12/comment/{number}"
    text = document("Changed") if jira.cloud else "Changed"
    jira.control("permissions", person="trivet", permission="EDIT_OWN_COMMENTS", on=False)
    jira.control("permissions", person="trivet", permission="DELETE_OWN_COMMENTS", on=False)
    assert jira.rest("PUT", own, {"body": text}).status == 400
    assert jira.rest("DELETE", own).status == 400
    asked = "/mypermissions?projectKey=SHOP&permissions=EDIT_OWN_COMMENTS,USER_PICKER"
    told = jira.rest("GET", asked).body["permissions"]
    assert {key: one["havePermission"] for key, one in told.items()} == {
        "EDIT_OWN_COMMENTS": False,
        "USER_PICKER": True,
    }
