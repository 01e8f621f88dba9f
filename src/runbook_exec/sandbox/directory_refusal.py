"""How the directory says no: an LDAP result code and the message in which AD hides the reason."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """LDAP result codes (RFC 4511, appendix A) that the double answers with."""

    operations_error = 1
    protocol_error = 2
    size_limit = 4
    compare_false = 5
    compare_true = 6
    auth_method_not_supported = 7
    stronger_auth_required = 8
    unavailable_critical_extension = 12
    no_such_attribute = 16
    inappropriate_matching = 18
    constraint_violation = 19
    attribute_or_value_exists = 20
    invalid_attribute_syntax = 21
    no_such_object = 32
    invalid_dn_syntax = 34
    invalid_credentials = 49
    insufficient_access_rights = 50
    busy = 51
    unavailable = 52
    unwilling_to_perform = 53
    naming_violation = 64
    object_class_violation = 65
    not_allowed_on_non_leaf = 66
    not_allowed_on_rdn = 67
    entry_already_exists = 68
    object_class_mods_prohibited = 69
    affects_multiple_dsas = 71
    other = 80


_PROBLEMS = {
    Code.no_such_attribute: "AtrErr: DSID-0315149D, #1:\n\t0: {win}: DSID-0315149D, problem 1001 (NO_ATTRIBUTE_OR_VAL), data 0, Att {about}",
    Code.constraint_violation: "AtrErr: DSID-03191083, #1:\n\t0: {win}: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att {about}",
    Code.attribute_or_value_exists: "AtrErr: DSID-031514A0, #1:\n\t0: {win}: DSID-031514A0, problem 1006 (ATT_OR_VALUE_EXISTS), data 0, Att {about}",
    Code.invalid_attribute_syntax: "AtrErr: DSID-03090B4B, #1:\n\t0: {win}: DSID-03090B4B, problem 1002 (INVALID_ATT_SYNTAX), data 0, Att {about}",
    Code.no_such_object: "NameErr: DSID-0310021C, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{about}'\n",
    Code.invalid_dn_syntax: "NameErr: DSID-03100225, problem 2006 (BAD_NAME), data 8350, best match of:\n\t'{about}'\n",
    Code.naming_violation: "NameErr: DSID-03050F42, problem 2005 (NAMING_VIOLATION), data 0, best match of:\n\t'{about}'\n",
    Code.insufficient_access_rights: "SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
    Code.unwilling_to_perform: "SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
    Code.busy: "SvcErr: DSID-03200BF7, problem 5001 (BUSY), data 0",
    Code.object_class_violation: "UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION), data 0",
    Code.not_allowed_on_non_leaf: "UpdErr: DSID-03100B1C, problem 6003 (CANT_ON_NON_LEAF), data 0",
    Code.not_allowed_on_rdn: "UpdErr: DSID-030F10F0, problem 6004 (CANT_ON_RDN), data 0",
    Code.entry_already_exists: "UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0",
    Code.other: "SysErr: DSID-031A1202, problem 22 (Invalid argument), data 0",
    Code.object_class_mods_prohibited: "UpdErr: DSID-03150A41, problem 6008 (OBJ_CLASS_MODS_PROHIBITED), data 0",
}


class Refusal(Exception):
    """The directory refuses an operation; nothing of it was done."""

    def __init__(self, code: Code, message: str, *, matched: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.matched = matched


def refuse(code: Code, win: str, about: str = "") -> Refusal:
    """A refusal in AD's words. `win` is the Windows error in eight hexadecimal digits; clients look for it."""
    text = _PROBLEMS.get(code, "LdapErr: DSID-0C090A5C, comment: {about}, data 0, v4563")
    matched = about if code is Code.no_such_object else ""
    return Refusal(code, f"{win}: " + text.format(win=win, about=about), matched=matched)
