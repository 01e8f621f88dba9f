"""AWS: IAM users and their keys, Identity Center, Secrets Manager, and evidence under S3 Object Lock."""

from runbook_exec.action import register_provider
from runbook_exec.actions.aws import (  # noqa: F401 - importing registers the actions
    access_keys,
    iam_user,
    identity_center,
    s3_evidence,
    secret,
)
from runbook_exec.actions.aws.provider import AwsProvider

register_provider(AwsProvider())
