"""Stack files of every form that a person may write, for the tests of the reader and of the real CLI beside it."""

# Values that our reader refuses: programs read them in different ways, and in quotes they are clear.
ODD = [
    "2026-11-25T10:00:00Z", "2026-11-25T10:00:00", "2026-11-25 10:00:00", "2026-11-25t10:00:00.120+05:30",
    "0o17", "017", "08", "00", "-017", "-0o7", "0x1F", "+0x1f", "0b11", "1_000", "_1", "1__0", "1_0.5_0", "._5",
    ".5", "5.", "+.5", "1e3", "1.0e2", "1e400", "0.00001", "1e-7", "1e20", "123456789.123456789",
    "9223372036854775808", "18446744073709551616", "012345678901",
    "!!int '3'", "!!float 3", "!!bool 'true'", "!!timestamp 2026-11-25", "!!binary aGk=", "!mine 5",
    "!!python/object:os.system x", "!!set {a: }", "!!omap [a: 1]",
]  # fmt: skip

# Scalars, as values: a reader of YAML 1.1 takes many of them for something else than the CLI does.
SCALARS = [
    "on", "off", "yes", "no", "y", "N", "True", "TRUE", "true", "tRue", "False",
    "~", "null", "Null", "NULL", "nULL", "2026-11-25", "2026-1-2", "2026-13-25", "2026-11-31",
    "0o8", "0x", "0b", "1:30", "190:20:30", "+1", "-1", "+", "-x", "123456789012",
    "1.0", "1.50", "1.35", "1.30", "0.0", "-0", "-0.0", "0x1p4", "v1.0.20", "3.32.1", "10.10.0.0/16", "203.0.113.7",
    "'on'", "'017'", '"2026-11-25"', '"a\\tb"', "=", "<", "é",
    "!!str 1", "!!str on", "!!int 3.5", "!!null x", "!!bool yes", "!!float 1e400", "!!binary '@@'",
    ".inf", "-.INF", ".nan",
]  # fmt: skip

_BOMB = "\n".join(
    [
        "a: &a [x, x, x, x, x, x, x, x, x]",
        *(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcde", "bcdef", strict=True)),
        "config:\n  a:x: *f\n",
    ]
)

WHOLE: list[str | bytes] = [
    "", "#only a comment\n", "null\n", "config:\n", "config: ~\n", "foo: 1\n", "Config:\n  a:x: 1\n",
    "[]\n", "x\n", "5\n", "- a\n", "config: []\n", "config: x\n", "config: ''\n", "[", "{", "\x00",
    "config:\n  a:x: 1\n---\nconfig:\n  a:x: 2\n", "---\nconfig:\n  a:x: 1\n...\n", "---\n---\nconfig: {a:x: 1}\n",
    "config:\n  a:x: 1\n---\n\t bad: [\n", "%YAML 1.1\n---\nconfig: {a:x: on}\n",
    "config:\n\ta:x: 1\n", "config:\n  a:x:\t5\n", "config:\n  a:x: [1,\t2]\n", "config:\r\n  a:x: 1\r\n",
    "config:\n  a:x: 1\n  a:x: 2\n", "config:\n  a:x: {a: 1, a: 2}\n", "config: {a:x: 1}\nconfig: {a:x: 2}\n",
    "config:\n  a:x: {1: a, '1': b}\n",
    "config:\n  clusterName: mine\n  podCidr: 10.0.0.0/16\n", "config:\n  on: 1\n", "config:\n  a.b: 1\n",
    "config:\n  eks-hybrid-calico:config:clusterName: c\n", "config:\n  aws:config:region: c\n",
    "config:\n  a:b:c: c\n", "config:\n  1: c\n", "config:\n  true: c\n", "config:\n  1.5: 1\n",
    "config:\n  2026-11-25: 1\n", "config:\n  ? [a]\n  : 1\n", "config:\n  'hybridNodes[0].os': al2023\n",
    "config:\n  a:x: &q [1]\n  a:y: *q\n", "config:\n  a:x: *q\n", "config:\n  a:x: [*nope]\n",
    "config: &c\n  a:x: [*c]\n", _BOMB,
    "z: &d {a:q: 1}\nconfig:\n  <<: *d\n  a:x: 2\n", "config:\n  a:x: {<<: {b: 1}, b: 2}\n",
    "config:\n  a:x: {<<: [{a: 1, b: 1}, {a: 2}], a: 3}\n", "config:\n  a:x: {<<: 5}\n", "config:\n  a:x: {'<<': 5}\n",
    "config:\n  a:x: {<<: {a: 1}, <<: {b: 2}}\n",
    "config:\n  a:x: {b: }\n", "config:\n  aws:assumeRoles:\n    - roleArn: arn:aws:iam::123456789012:role/deployer\n",
    "config:\n  a:x:\n    secure: 5\n", "config:\n  a:x: {secure: }\n", "config:\n  a:x: {secure: foo, b: 2}\n",
    "config:\n  a:x: \"unclosed\n", "config: {a:x: 1, }}\n", "config:\n  a:x: @foo\n", "config:\n  a:x: `foo\n",
    "config:\n  a:x: a: b\n", "config:\n  a:x: |\n    line\n   bad\n", "config:\n  a:x: >\n    folded\n    text\n",
    "config:\n  a:x: 'f\x01g'\n", b"config:\n  a:x: \xff\xfe\n", b"\xef\xbb\xbfconfig:\n  a:x: 1\n",
    "config:\n  a:x: 1\n".encode("utf-16"), "config: " + "[" * 20_000 + "\n",
]  # fmt: skip


def of_scalar(text: str) -> str:
    """A file with a scalar as a value and inside a list."""
    return f"config:\n  a:x: {text}\n  a:y: [{text}]\n"
