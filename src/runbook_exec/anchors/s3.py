"""An anchor in S3 under Object Lock: an object for each checkpoint that nobody can delete until its time is over.

In COMPLIANCE mode not even the account's root user can shorten the retention or delete the version. A
delete marker hides an object and deletes nothing: copies are fetched by their versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runbook_exec import amazon, duration
from runbook_exec.action import Finding
from runbook_exec.anchors import Fetched, Place, Receipt, Signed, checked, read_line, receipt
from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid

WHERE = "blackbox.anchors, s3"
_OWN = ("prefix", "retain")


def opened(settings: Mapping[str, Json], place: Place) -> S3Anchor:
    """Keys: `bucket`, `retain` (as 3650d); `prefix` (`anchors/`); and those of an AWS connection: `region`, `profile` and so on."""
    checked(settings, WHERE, needed=("bucket", "retain"), known=(*_OWN, *amazon.KEYS))
    values = {name: value for name, value in settings.items() if name in amazon.KEYS}
    access = amazon.access(values, where=f"s3 {settings['bucket']}")
    retain = timedelta(seconds=duration.seconds(str(settings["retain"])))
    if retain < timedelta(days=1):
        raise Invalid("retain is less than a day", where=WHERE, next_move="write how long: retain: 3650d")
    return S3Anchor(
        bucket=str(settings["bucket"]),
        prefix=f"{settings.get('prefix', 'anchors/')}{place.client}/",
        retain=retain,
        access=access,
        s3=amazon.client(access, amazon.session(access), "s3", attempts=1),
    )


@dataclass(frozen=True, kw_only=True)
class S3Anchor:
    """A bucket with Object Lock."""

    bucket: str
    prefix: str
    retain: timedelta
    access: amazon.Access
    s3: Any
    kind: str = "s3"
    keeps: bool = True

    @property
    def name(self) -> str:
        return f"s3 {self.bucket}/{self.prefix}"

    def put(self, signed: Signed, now: datetime) -> Receipt:
        import botocore.exceptions

        key, until = f"{self.prefix}{signed.name}.json", now + self.retain
        with amazon.in_words(self.access.where, writes=True):
            try:
                self.s3.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=signed.line().encode(),
                    ContentType="application/json",
                    ChecksumAlgorithm="SHA256",  # Object Lock takes no upload without a checksum
                    IfNoneMatch="*",
                    ObjectLockMode="COMPLIANCE",
                    ObjectLockRetainUntilDate=until,
                )
            except botocore.exceptions.ClientError as error:
                if amazon.code_of(error) != "PreconditionFailed":
                    raise  # it is there already: read below
            got = self.s3.get_object(Bucket=self.bucket, Key=key)
            found = _copy(got)
        if found is None or found["hash"] != signed.hash:
            raise Failed(
                f"{key} is there and holds something else",
                where=self.name,
                next_move="look at it in the bucket: somebody else may write there",
            )
        kept = got.get("ObjectLockRetainUntilDate")
        if got.get("ObjectLockMode") != "COMPLIANCE" or kept is None or kept < now:
            raise Failed(
                "the copy lies there without a lock in COMPLIANCE mode",
                where=self.name,
                next_move="the bucket must be made with Object Lock: docs/anchors.md",
            )
        return receipt(
            self,
            signed,
            now,
            key=key,
            version=got.get("VersionId", ""),
            retain_until=kept.isoformat(),
            seen_at=got["LastModified"].isoformat(),
        )

    def fetch(self) -> Fetched:
        with amazon.in_words(self.access.where):
            pages = self.s3.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=self.prefix
            )
            versions = [one for page in pages for one in page.get("Versions", ())]
            with ThreadPoolExecutor(8) as threads:
                found = list(threads.map(self._fetched, versions))
        return Fetched(
            receipts=tuple(one for one in found if isinstance(one, dict)),
            unreadable=tuple(one for one in found if isinstance(one, str)),
        )

    def check(self) -> list[Finding]:
        import botocore.exceptions

        found = []
        with amazon.in_words(self.access.where):
            try:
                lock = self.s3.get_object_lock_configuration(Bucket=self.bucket)["ObjectLockConfiguration"]
                locks = lock.get("ObjectLockEnabled") == "Enabled"
            except botocore.exceptions.ClientError as error:
                if amazon.code_of(error) != "ObjectLockConfigurationNotFoundError":
                    raise
                locks = False
            self.s3.list_object_versions(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)
        found.append(Finding(ok=True, what=f"{self.name} answers, and copies there can be fetched"))
        if locks:
            what = f"the bucket locks: nobody deletes a copy for {self.retain.days} days, not even root"
            found.append(Finding(ok=True, what=what))
        else:
            found.append(
                Finding(
                    ok=False,
                    what=f"the bucket {self.bucket} has no Object Lock: copies there can be deleted",
                    next_move="make a bucket with Object Lock (docs/anchors.md) and name that one",
                )
            )
        what = "whether copies can be left there is shown by leaving one: runbook blackbox anchor"
        return [*found, Finding(ok=True, known=False, what=what)]

    def _fetched(self, version: Mapping[str, Any]) -> Receipt | str:
        got = self.s3.get_object(Bucket=self.bucket, Key=version["Key"], VersionId=version["VersionId"])
        found, kept = _copy(got), got.get("ObjectLockRetainUntilDate")
        if found is None:
            return f"{version['Key']} (version {version['VersionId']})"
        return {
            **found,
            "kind": self.kind,
            "anchor": self.name,
            "key": version["Key"],
            "version": version["VersionId"],
            "retain_until": kept.isoformat() if kept else "",
            "seen_at": version["LastModified"].isoformat(),
            "at": version["LastModified"].isoformat(),
        }


def _copy(got: Mapping[str, Any]) -> Receipt | None:
    return read_line(got["Body"].read(1_000_000).decode("utf-8", errors="replace"))
