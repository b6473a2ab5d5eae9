"""Buckets: S3."""

from .clients import code_of, fault, unreachable
from .grants import granted

LONGEST_KEY = 1024
LARGEST_METADATA = 2048
LONGEST_LINK = 604800
PAGE = 1000
PART = 8 << 20
MOST_PARTS = 10000
REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "NoSuchKey")
ABSENT = ("NoSuchKey", "404")


class Stream:
    """An object's bytes as they come."""

    def __init__(self, what, body):
        self._what, self._body = what, body

    def read(self, size=-1):
        from botocore.exceptions import BotoCoreError

        try:
            return self._body.read(None if size is None or size < 0 else size)
        except BotoCoreError as error:
            self.close()
            raise unreachable(self._what, error) from error

    def bytes(self):
        return self.read()

    def close(self):
        self._body.close()


class Bucket:
    """One bucket, and an operation on it that the manifest grants."""

    def __init__(self, driver, what, access, name):
        use, self.refused = granted(driver.config, what, access, "bucket", name)
        self.what, self.caller, self.physical = what, driver.caller, use["bucket"]

    def ask(self, operation, known=(), once=False, **parameters):
        return self.caller.ask(self.what, "s3", operation, self.refused, known, once, Bucket=self.physical, **parameters)

    def object(self, key):
        if not key or len(key.encode()) > LONGEST_KEY or any(is_control(char) for char in key):
            raise fault("bad-request", f"{self.what}: a key is 1 to {LONGEST_KEY} bytes of UTF-8 without control characters")
        return {"Key": key}


def is_control(char):
    return char < " " or "\x7f" <= char <= "\x9f"


class Objects:
    META = "x-amz-meta-"

    def _read(self, what, operation, bucket, key, **more):
        """The answer, or None where there is no such object."""
        from botocore.exceptions import ClientError

        on = Bucket(self, what, "read", bucket)
        try:
            return on.ask(operation, ABSENT, **on.object(key), **more)
        except ClientError:
            return None

    def object_open(self, what, bucket, key, span):
        answer = self._read(what, "get_object", bucket, key, **({} if span is None else {"Range": span}))
        return None if answer is None else (headers_of(answer), Stream(what, answer["Body"]))

    def object_head(self, what, bucket, key):
        answer = self._read(what, "head_object", bucket, key)
        return None if answer is None else headers_of(answer)

    def object_put(self, what, bucket, key, body, about, if_absent, if_match):
        on = Bucket(self, what, "write", bucket)
        target, condition = on.object(key), conditions(what, if_absent, if_match)
        content_type, metadata = about
        size = sum(len(name) + len(value) for name, value in metadata.items())
        if size > LARGEST_METADATA:
            raise fault("too-large", f"{what}: the metadata have {size} bytes, the limit is 2 KB")
        described = {**target, "ContentType": content_type, "Metadata": metadata}
        if isinstance(body, bytes):
            return put_whole(on, described, condition, body)
        chunks = Parts(body)
        first = chunks.next(PART)
        if len(first) < PART:
            return put_whole(on, described, condition, first)
        return put_parts(on, target, described, condition, first, chunks)

    def object_delete(self, what, bucket, key):
        on = Bucket(self, what, "write", bucket)
        on.ask("delete_object", **on.object(key))

    def object_list(self, what, bucket, folded, limit, cursor):
        on = Bucket(self, what, "read", bucket)
        limit = PAGE if limit is None else limit
        if not 1 <= limit <= PAGE:
            raise fault("bad-request", f"{what}: `limit` is 1 to {PAGE}")
        given = {"Prefix": folded.get("prefix"), "Delimiter": folded.get("delimiter"), "ContinuationToken": cursor}
        answer = on.ask("list_objects_v2", MaxKeys=limit, **{name: value for name, value in given.items() if value})
        entries = [entry_of(one) for one in answer.get("Contents") or ()]
        prefixes = [one["Prefix"] for one in answer.get("CommonPrefixes") or ()]
        return entries, prefixes, answer.get("NextContinuationToken") if answer.get("IsTruncated") else None

    def object_url(self, what, bucket, key, method, expires):
        """It holds no longer than the credentials of the function that made it."""
        operations = {"GET": ("read", "get_object"), "PUT": ("write", "put_object")}
        if method not in operations:
            raise fault("bad-request", f"{what}: `method` is GET or PUT")
        access, operation = operations[method]
        on = Bucket(self, what, access, bucket)
        if isinstance(expires, bool) or not isinstance(expires, int) or not 1 <= expires <= LONGEST_LINK:
            raise fault("bad-request", f"{what}: `expires` is 1 to {LONGEST_LINK} seconds")
        parameters = {"Bucket": on.physical, **on.object(key)}
        return self.caller.client("s3").generate_presigned_url(operation, Params=parameters, ExpiresIn=expires)


def headers_of(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def bare(etag):
    return etag.strip('"')


def entry_of(one):
    return {"key": one["Key"], "size": one["Size"], "etag": bare(one["ETag"]), "modified": one["LastModified"].isoformat()}


def conditions(what, if_absent, if_match):
    if if_match is None:
        return {"IfNoneMatch": "*"} if if_absent else {}
    if if_absent or not isinstance(if_match, str) or "*" in if_match or "," in if_match:
        raise fault("bad-request", f"{what}: the conditions of a put are `if_absent` or `if_match` with one etag, not both")
    return {"IfMatch": f'"{bare(if_match)}"'}


def stored(on, operation, condition, **parameters):
    """The etag of what was stored. With a condition it is made once: the second time it would meet its own work."""
    from botocore.exceptions import ClientError

    try:
        answer = on.ask(operation, REFUSED if condition else (), bool(condition), **condition, **parameters)
    except ClientError as error:
        reason = "there is such an object already" if "IfNoneMatch" in condition else "the object has another etag, or is not there any more"
        raise fault("conflict", f"{on.what}: {reason} ({code_of(error)})") from error
    return bare(answer["ETag"])


def put_whole(on, described, condition, data):
    return {"etag": stored(on, "put_object", condition, Body=data, **described), "size": len(data)}


def put_parts(on, target, described, condition, part, chunks):
    """An object of unknown length, of which never more than two parts are in memory. Stored at its end, or not at all."""
    upload = {**target, "UploadId": on.ask("create_multipart_upload", **described)["UploadId"]}
    parts, size = [], 0
    try:
        while part:
            number = len(parts) + 1
            if number > MOST_PARTS:
                raise fault("too-large", f"{on.what}: an object of unknown length has at most {MOST_PARTS * PART >> 30} GiB")
            etag = on.ask("upload_part", **upload, PartNumber=number, Body=part)["ETag"]
            parts.append({"ETag": etag, "PartNumber": number})
            size += len(part)
            part = chunks.next(PART)
        etag = stored(on, "complete_multipart_upload", condition, MultipartUpload={"Parts": parts}, **upload)
    except BaseException:
        give_up(on, upload)
        raise
    return {"etag": etag, "size": size}


def give_up(on, upload):
    """What was sent so far must not be paid for."""
    try:
        on.ask("abort_multipart_upload", ("NoSuchUpload",), **upload)
    except Exception:
        pass  # the error that brought us here says more


class Parts:
    """An iterable of bytes, cut anew."""

    def __init__(self, chunks):
        self._chunks, self._rest = iter(chunks), bytearray()

    def next(self, size):
        """So many bytes; fewer at the end."""
        while len(self._rest) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        part = bytes(memoryview(self._rest)[:size])
        del self._rest[:size]
        return part
