"""The functions of the language itself and what they take.

Each line: the function, the name of the overload, its parameters (after a dot where it is a method:
the first is then the target) and its result.

Source: cel-go v0.26, common/stdlib; cel/library.go (optional types).
"""

from __future__ import annotations

from typing import Final

FUNCTIONS: Final = """\
bool bool_to_bool (bool) -> bool
bool string_to_bool (string) -> bool
bytes bytes_to_bytes (bytes) -> bytes
bytes string_to_bytes (string) -> bytes
cel.@mapInsert @mapInsert_map_key_value (map(K, V), K, V) -> map(K, V)
cel.@mapInsert @mapInsert_map_map (map(K, V), map(K, V)) -> map(K, V)
contains contains_string .(string, string) -> bool
double double_to_double (double) -> double
double int64_to_double (int) -> double
double string_to_double (string) -> double
double uint64_to_double (uint) -> double
duration duration_to_duration (duration) -> duration
duration int64_to_duration (int) -> duration
duration string_to_duration (string) -> duration
dyn to_dyn (A) -> dyn
endsWith ends_with_string .(string, string) -> bool
first list_first .(list(V)) -> optional_type(V)
getDate timestamp_to_day_of_month_1_based .(timestamp) -> int
getDate timestamp_to_day_of_month_1_based_with_tz .(timestamp, string) -> int
getDayOfMonth timestamp_to_day_of_month .(timestamp) -> int
getDayOfMonth timestamp_to_day_of_month_with_tz .(timestamp, string) -> int
getDayOfWeek timestamp_to_day_of_week .(timestamp) -> int
getDayOfWeek timestamp_to_day_of_week_with_tz .(timestamp, string) -> int
getDayOfYear timestamp_to_day_of_year .(timestamp) -> int
getDayOfYear timestamp_to_day_of_year_with_tz .(timestamp, string) -> int
getFullYear timestamp_to_year .(timestamp) -> int
getFullYear timestamp_to_year_with_tz .(timestamp, string) -> int
getHours timestamp_to_hours .(timestamp) -> int
getHours timestamp_to_hours_with_tz .(timestamp, string) -> int
getHours duration_to_hours .(duration) -> int
getMilliseconds timestamp_to_milliseconds .(timestamp) -> int
getMilliseconds timestamp_to_milliseconds_with_tz .(timestamp, string) -> int
getMilliseconds duration_to_milliseconds .(duration) -> int
getMinutes timestamp_to_minutes .(timestamp) -> int
getMinutes timestamp_to_minutes_with_tz .(timestamp, string) -> int
getMinutes duration_to_minutes .(duration) -> int
getMonth timestamp_to_month .(timestamp) -> int
getMonth timestamp_to_month_with_tz .(timestamp, string) -> int
getSeconds timestamp_to_seconds .(timestamp) -> int
getSeconds timestamp_to_seconds_tz .(timestamp, string) -> int
getSeconds duration_to_seconds .(duration) -> int
hasValue optional_hasValue .(optional_type(V)) -> bool
int int64_to_int64 (int) -> int
int double_to_int64 (double) -> int
int duration_to_int64 (duration) -> int
int string_to_int64 (string) -> int
int timestamp_to_int64 (timestamp) -> int
int uint64_to_int64 (uint) -> int
last list_last .(list(V)) -> optional_type(V)
matches matches (string, string) -> bool
matches matches_string .(string, string) -> bool
optional.none optional_none () -> optional_type(V)
optional.of optional_of (V) -> optional_type(V)
optional.ofNonZeroValue optional_ofNonZeroValue (V) -> optional_type(V)
optional.unwrap optional_unwrap (list(optional_type(V))) -> list(V)
or optional_or_optional .(optional_type(V), optional_type(V)) -> optional_type(V)
orValue optional_orValue_value .(optional_type(V), V) -> V
size size_bytes (bytes) -> int
size bytes_size .(bytes) -> int
size size_list (list(A)) -> int
size list_size .(list(A)) -> int
size size_map (map(A, B)) -> int
size map_size .(map(A, B)) -> int
size size_string (string) -> int
size string_size .(string) -> int
startsWith starts_with_string .(string, string) -> bool
string string_to_string (string) -> string
string bool_to_string (bool) -> string
string bytes_to_string (bytes) -> string
string double_to_string (double) -> string
string duration_to_string (duration) -> string
string int64_to_string (int) -> string
string timestamp_to_string (timestamp) -> string
string uint64_to_string (uint) -> string
string ip_to_string (net.IP) -> string
string cidr_to_string (net.CIDR) -> string
timestamp timestamp_to_timestamp (timestamp) -> timestamp
timestamp int64_to_timestamp (int) -> timestamp
timestamp string_to_timestamp (string) -> timestamp
type type (A) -> type(A)
uint uint64_to_uint64 (uint) -> uint
uint double_to_uint64 (double) -> uint
uint int64_to_uint64 (int) -> uint
uint string_to_uint64 (string) -> uint
unwrapOpt optional_unwrapOpt .(list(optional_type(V))) -> list(V)
value optional_value .(optional_type(V)) -> V
"""
"""All functions."""
