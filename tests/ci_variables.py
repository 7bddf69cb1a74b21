"""The variables GitLab gives to jobs of merge request pipelines, as differences from a detached one."""

HEAD, MERGE, BASE, TIP = "a" * 40, "b" * 40, "c" * 40, "d" * 40
JOB_TOKEN = "glcbt-64_" + "q7Rt2vLm4Xc7Wn1Kd9P"

# As GitLab 18 gives them to a job of a pipeline of refs/merge-requests/7/head.
DETACHED = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_PROJECT_ID": "34",
    "CI_PROJECT_PATH": "acme/shop",
    "CI_COMMIT_SHA": HEAD,
    "CI_JOB_TOKEN": JOB_TOKEN,
    "CI_REPOSITORY_URL": f"https://gitlab-ci-token:{JOB_TOKEN}@gitlab.example.com/acme/shop.git",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_ID": "902",
    "CI_MERGE_REQUEST_PROJECT_ID": "34",
    "CI_MERGE_REQUEST_PROJECT_PATH": "acme/shop",
    "CI_MERGE_REQUEST_PROJECT_URL": "https://gitlab.example.com/acme/shop",
    "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/7/head",
    "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "34",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature/$(touch x)",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": BASE,
    "CI_MERGE_REQUEST_TITLE": "Add `prices`",
    "CI_MERGE_REQUEST_DESCRIPTION": "First line\n/approve\n",
    "CI_MERGE_REQUEST_LABELS": "backend,needs review",
}
MERGED = {
    "CI_COMMIT_SHA": MERGE,
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
    "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": TIP,
}
RESULT = {
    "CI_MERGE_REQUEST_EVENT_TYPE": "merged_result",
    "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/7/merge",
}
TRAIN = {
    "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train",
    "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/7/train",
}
OLD = {"CI_MERGE_REQUEST_EVENT_TYPE": "", "CI_MERGE_REQUEST_DIFF_BASE_SHA": ""}
