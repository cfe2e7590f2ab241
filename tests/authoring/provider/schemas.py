"""출력과 도구의 JSON 스키마: strict에서 제공자가 거절하는 것과 그 문장."""

from __future__ import annotations

import re
from typing import Any

from .errors import Refusal

# strict에서 쓸 수 없다고 알려진 것. 범위와 길이(minimum, maxLength ...)는 OpenAI가 받습니다.
NOT_PERMITTED = ("allOf", "oneOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "default")
# Anthropic이 타입마다 받지 않는 것
UNSUPPORTED = {
    "integer": ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"),
    "number": ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"),
    "string": ("maxLength", "minLength"),
    "array": ("maxItems", "uniqueItems"),
}


def chat(asked: dict[str, Any]) -> None:
    """Chat의 response_format과 도구."""
    form = asked.get("response_format") or {}
    if form.get("type") == "json_schema":
        given = form.get("json_schema") or {}
        _require(given, "response_format.json_schema", "name", "schema")
        _name(given["name"], "response_format.json_schema.name")
        if given.get("strict"):
            _strict(given["schema"], "response_format", given["name"], "response_format", None)
    for at, tool in enumerate(asked.get("tools") or []):
        function = tool.get("function")
        if tool.get("type") == "function":
            _require(tool if isinstance(function, dict) else {}, f"tools[{at}]", "function")
        if function:
            _function(function, f"tools[{at}].function", bool(function.get("strict")))


def responses(asked: dict[str, Any]) -> None:
    """Responses의 text.format과 도구."""
    form = (asked.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        _require(form, "text.format", "name", "schema")
        _name(form["name"], "text.format.name")
        if form.get("strict"):
            _strict(form["schema"], "response_format", form["name"], "text.format.schema", "invalid_json_schema")
    for at, tool in enumerate(asked.get("tools") or []):
        if tool.get("type") == "function":
            _function(tool, f"tools[{at}]", bool(tool.get("strict")))


def anthropic(asked: dict[str, Any]) -> None:
    """Anthropic의 output_config.format과 도구."""
    form = (asked.get("output_config") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        if "schema" not in form:
            raise Refusal("output_config.format.schema: Field required")
        _claude(form["schema"], "output_config.format.schema")
    for at, tool in enumerate(asked.get("tools") or []):
        if tool.get("type", "custom") != "custom":
            continue
        for name in ("name", "input_schema"):
            if name not in tool:
                raise Refusal(f"tools.{at}.custom.{name}: Field required")
        if tool["input_schema"].get("type") != "object":
            raise Refusal(f"tools.{at}.custom.input_schema.type: Field required")
        if tool.get("strict"):
            _claude(tool["input_schema"], f"tools.{at}.custom")


def _require(given: dict[str, Any], where: str, *names: str) -> None:
    for name in names:
        if given.get(name) is None:
            param = f"{where}.{name}"
            raise Refusal(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def _name(name: str, param: str) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        message = (
            f"Invalid '{param}': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        )
        raise Refusal(message, param, "invalid_value")


def _function(function: dict[str, Any], where: str, strict: bool) -> None:
    _require(function, where, "name")
    _name(function["name"], f"{where}.name")
    if parameters := function.get("parameters"):
        at, code = f"{where}.parameters", "invalid_function_parameters"
        if parameters.get("type") != "object":
            got = parameters.get("type")
            got = f'"{got}"' if got else '"None"'
            message = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'."
            raise Refusal(f"Invalid schema for function '{function['name']}': {message}", at, code)
        if strict:
            _strict(parameters, "function", function["name"], at, code)


def _strict(schema: dict[str, Any], kind: str, name: str, param: str, code: str | None) -> None:
    if wrong := _wrong(schema, ()) or _root(schema):
        raise Refusal(f"Invalid schema for {kind} '{name}': {wrong}", param, code)


def _root(schema: dict[str, Any]) -> str | None:
    if schema.get("type") == "object":
        return None
    return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."


def _wrong(schema: Any, path: tuple[str, ...]) -> str | None:
    """strict에 어긋나는 첫 곳과 이유."""
    if not isinstance(schema, dict):
        return None
    for word in NOT_PERMITTED:
        if word in schema:
            return f"In context={path}, '{word}' is not permitted."
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
        required = schema.get("required") or []
        for name in schema.get("properties") or {}:
            if name not in required:
                return (
                    f"In context={path}, 'required' is required to be supplied and to be an array including every "
                    f"key in properties. Missing '{name}'."
                )
    for where, inner in _inside(schema):
        if wrong := _wrong(inner, (*path, *where)):
            return wrong
    return None


def _inside(schema: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for word in ("properties", "$defs", "definitions"):
        found += [((word, name), inner) for name, inner in (schema.get(word) or {}).items()]
    found += [(("anyOf", str(at)), inner) for at, inner in enumerate(schema.get("anyOf") or [])]
    return found + ([(("items",), schema["items"])] if "items" in schema else [])


def _claude(schema: Any, where: str) -> None:
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        raise Refusal(f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    if used := sorted(schema.keys() & set(UNSUPPORTED.get(str(kind), ()))):
        raise Refusal(f"{where}: For '{kind}' type, properties {', '.join(used)} are not supported")
    for _, inner in _inside(schema):
        _claude(inner, where)
