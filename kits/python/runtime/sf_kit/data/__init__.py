"""What `ctx` reaches: the checks and the forms of values that are the same on every provider. Loaded at the first use of a resource.

A driver carries the calls out: `DataApi` in `transport.py` on the embedded host, another one where the resources are a cloud's. It has
these methods. `what` begins the message of an error; names and keys are text that is not empty; values of tables are as `values.encoded`
writes them and come back as handlers get them; `data` is bytes. Errors are those of `sf_kit.errors`, with the codes of docs/data-api.md.

    table_get(what, table, key)                              (item, version), or None
    table_put(what, table, item, if_absent, if_version)      the version
    table_delete(what, table, key, if_version)               whether there was one
    table_query(what, table, query, limit, cursor)           ([(item, version)], cursor); query: partition, and where given sort, reverse
    table_scan(what, table, limit, cursor)                   the same
    object_open(what, bucket, key, span)                     (headers, stream), or None; span: a Range header's value, or None
    object_head(what, bucket, key)                           headers, or None
    object_put(what, bucket, key, body, about, if_absent, if_match)    {"etag", "size"}; about: content type, metadata
    object_delete(what, bucket, key)
    object_list(what, bucket, folded, limit, cursor)         (entries, prefixes, cursor); folded: prefix and delimiter, where given
    object_url(what, bucket, key, method, expires)           the link
    queue_send(what, queue, data, is_json, delay)            the message's id
    topic_publish(what, topic, data, is_json, attributes)    the message's id
    socket_send(what, socket, connection, data, is_text)     whether it was delivered
    socket_close(what, socket, connection)
    call(what, function, data)                               what the function returned
    secret(what, name)                                       the value, as bytes

Headers are names in lower case: content-type, content-length, content-range, etag, last-modified, and the metadata behind the driver's `META`.
A stream has `read(size)`, `bytes()` and `close()`."""

import json
from time import monotonic

from .values import plain

SECRET_SECONDS = 300
_secrets = {}


def named(name):
    """A name or a key."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"a name or a key is text that is not empty, not {name!r}")
    return name


class Resources:
    """The resources as one invocation reaches them."""

    def __init__(self, driver):
        self._driver = driver

    def table(self, name):
        from .tables import Table

        return Table(self._driver, named(name))

    def bucket(self, name):
        from .buckets import Bucket

        return Bucket(self._driver, named(name))

    def queue(self, name):
        from .messages import Queue

        return Queue(self._driver, named(name))

    def topic(self, name):
        from .messages import Topic

        return Topic(self._driver, named(name))

    def socket(self, name):
        from .messages import Socket

        return Socket(self._driver, named(name))

    def call(self, function, payload=None):
        """What the function returned. It is called once: a call that broke is not made again."""
        what = f"call function {named(function)}"
        return self._driver.call(what, function, json.dumps(plain(payload, what), ensure_ascii=False).encode())

    def secret(self, name):
        known = _secrets.get(named(name))
        if known is None or known[1] < monotonic():
            value = self._driver.secret(f"read secret {name}", name)
            known = _secrets[name] = value.decode(), monotonic() + SECRET_SECONDS
        return known[0]
