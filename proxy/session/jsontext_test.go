package session

import "testing"

// A JSON value goes to another server as its text where that says all that shows.
func TestJSONTells(t *testing.T) {
	for text, want := range map[string]bool{
		`null`: true, `{"a": 1, "b": [1.5, -2.0, 1e20, 0.1]}`: true, `18446744073709551615`: true, `-9223372036854775808`: true,
		`"10:00"`: true, `"a \"1.50\" b"`: true, `"2024-01-01 10:00:00.000000"`: true, `0.3333333333333333`: true, `-0.0`: true, `"1.50"`: true,
		`1.50`: false, `{"a": 10.00}`: false, `123456789012345678901234567890`: false, `0.33333333333333333333`: false,
		`"10:00:00.000000"`: false, `["-100:00:00.000000"]`: false, `"base64:type252:AAA="`: false,
	} {
		if got := jsonTells([]byte(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
