"""Tables: DynamoDB. An item's version is an attribute of its own (`values.VERSION`), so that a condition on it is one on the server."""

import json
from os import urandom
from time import time

from .clients import fault
from .grants import granted
from .keys import Key, NoItems
from .values import VERSION, attributes, item_of, version_of

LARGEST = 400 * 1024
PAGE, MAX_PAGE = 100, 1000


class Table:
    """One table, and an operation on it that the manifest grants."""

    def __init__(self, driver, what, access, name):
        use, self.refused = granted(driver.config, what, access, "table", name)
        self.what, self.caller = what, driver.caller
        self.physical, self.ttl, self.key = use["table"], use.get("ttl"), Key(what, use["key"])

    def ask(self, operation, known=(), once=False, **parameters):
        return self.caller.ask(self.what, "dynamodb", operation, self.refused, known, once, TableName=self.physical, **parameters)

    def is_expired(self, image):
        """Whether an item is not there any more, though DynamoDB has not removed it yet: that takes it up to days."""
        seconds = image.get(self.ttl, {}).get("N") if self.ttl else None
        return seconds is not None and int(float(seconds) * 1000) <= int(time() * 1000)

    def found(self, image):
        return item_of(image), version_of(image)

    def absent(self):
        """(expression, names, values): there is none, or one that has expired."""
        return self._alive("attribute_not_exists(#k) OR attribute_type(#e, :n) AND #e <= :now", "attribute_not_exists(#k)")

    def has_version(self, version):
        """What something else wrote has the version `""`."""
        ours = "attribute_exists(#k) AND attribute_not_exists(#v)" if version == "" else "#v = :v"
        alive = "(attribute_not_exists(#e) OR NOT attribute_type(#e, :n) OR #e > :now)"
        expression, names, values = self._alive(f"{ours} AND {alive}", ours)
        if version == "":
            return expression, {**names, "#v": VERSION}, values
        names = {name: of for name, of in names.items() if name != "#k"}
        return expression, {**names, "#v": VERSION}, {**values, ":v": {"S": version}}

    def _alive(self, with_ttl, without):
        names = {"#k": self.key.partition[0]}
        if not self.ttl:
            return without, names, {}
        return with_ttl, {**names, "#e": self.ttl}, {":n": {"S": "N"}, ":now": {"N": str(int(time()))}}

    def conditional(self, condition):
        expression, names, values = condition
        parameters = {"ConditionExpression": expression, "ExpressionAttributeNames": names}
        if values:
            parameters["ExpressionAttributeValues"] = values
        return parameters


FAILED = ("ConditionalCheckFailedException",)


class Tables:
    def table_get(self, what, table, key):
        on = Table(self, what, "read", table)
        image = on.ask("get_item", Key=on.key.of_key(key), ConsistentRead=True).get("Item")
        return None if image is None or on.is_expired(image) else on.found(image)

    def table_put(self, what, table, item, if_absent, if_version):
        on = Table(self, what, "write", table)
        if if_absent and if_version is not None:
            raise fault("bad-request", f"{what}: `ifAbsent` and `ifVersion` exclude each other")
        version = urandom(16).hex()
        parameters = {"Item": {**written(on, what, item), VERSION: {"S": version}}}
        if not if_absent and if_version is None:
            on.ask("put_item", **parameters)
            return version
        condition = on.absent() if if_absent else on.has_version(if_version)
        parameters.update(on.conditional(condition), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        from botocore.exceptions import ClientError

        try:
            on.ask("put_item", FAILED, **parameters)
        except ClientError as error:
            # A request that is repeated after its answer was lost meets what it wrote itself.
            there = error.response.get("Item") or {}
            if version_of(there) != version:
                raise conflict(on, there, if_absent) from error
        return version

    def table_delete(self, what, table, key, if_version):
        on = Table(self, what, "write", table)
        parameters = {"Key": on.key.of_key(key), "ReturnValues": "ALL_OLD"}
        if if_version is not None:
            parameters.update(on.conditional(on.has_version(if_version)), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        from botocore.exceptions import ClientError

        try:
            # Once: the second time there would be nothing.
            old = on.ask("delete_item", FAILED, True, **parameters).get("Attributes")
        except ClientError as error:
            raise conflict(on, error.response.get("Item") or {}, False) from error
        return bool(old) and not on.is_expired(old)

    def table_query(self, what, table, query, limit, cursor):
        on = Table(self, what, "read", table)
        try:
            expression, names, values = on.key.condition(query["partition"], query.get("sort"))
        except NoItems:
            return [], None
        more = {"KeyConditionExpression": expression, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        if query.get("reverse"):
            more["ScanIndexForward"] = False
        return page(on, "query", more, limit, None if cursor is None else on.key.after(cursor, values[":p"]))

    def table_scan(self, what, table, limit, cursor):
        on = Table(self, what, "read", table)
        return page(on, "scan", {}, limit, None if cursor is None else on.key.after(cursor))


def written(on, what, item):
    """An item as it is stored, without its version."""
    if not isinstance(item, dict):
        raise fault("bad-request", f"{what}: an item is an object")
    key = on.key.of_item(item)
    if VERSION in item:
        raise fault("bad-request", f"{what}: the attribute `{VERSION}` is the kit's own on AWS")
    size = len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())
    if size > LARGEST:
        raise fault("too-large", f"{what}: the item has {size} bytes as JSON, the limit is 400 KB")
    try:
        return {**attributes(item), **key}
    except ValueError as error:
        raise fault("bad-request", f"{what}: {error}") from error


def conflict(on, there, if_absent):
    if if_absent:
        return fault("conflict", f"{on.what}: there is such an item already")
    gone = not there or on.is_expired(there)
    return fault("conflict", f"{on.what}: {'there is no such item any more' if gone else 'the item has another version'}")


def page(on, operation, parameters, limit, after):
    """At most `limit` items and a cursor, None at the end. DynamoDB says that there may be more when there is not: one item more is
    asked for, and left out."""
    limit = PAGE if limit is None else limit
    if not 1 <= limit <= MAX_PAGE:
        raise fault("bad-request", f"{on.what}: `limit` is 1 to {MAX_PAGE}")
    found = []
    while True:
        asked = limit + 1 - len(found)
        start = {} if after is None else {"ExclusiveStartKey": after}
        answer = on.ask(operation, ConsistentRead=True, Limit=asked, **start, **parameters)
        found += [image for image in answer["Items"] if not on.is_expired(image)]
        after = answer.get("LastEvaluatedKey")
        if len(found) > limit:
            return [on.found(image) for image in found[:limit]], on.key.cursor(found[limit - 1])
        # Fewer than it was asked for: it stopped at 1 MB, which is a page.
        if after is None or found and answer.get("ScannedCount", asked) < asked:
            return [on.found(image) for image in found], None if after is None else on.key.cursor(after)
