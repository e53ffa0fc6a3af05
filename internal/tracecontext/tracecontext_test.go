package tracecontext

import (
	"encoding/base64"
	"testing"
)

const (
	trace = "5bd66ef5095369c7b0d1f8f4bd33716a"
	span  = "c532cb4098ac3dd2"
)

func TestB3(t *testing.T) {
	for value, want := range map[string]string{
		trace + "-" + span:                      "00-" + trace + "-" + span + "-01",
		trace + "-" + span + "-1":               "00-" + trace + "-" + span + "-01",
		trace + "-" + span + "-d":               "00-" + trace + "-" + span + "-01",
		trace + "-" + span + "-0":               "00-" + trace + "-" + span + "-00",
		trace + "-" + span + "-1-" + span:       "00-" + trace + "-" + span + "-01",
		trace[16:] + "-" + span + "-1":          "00-0000000000000000" + trace[16:] + "-" + span + "-01",
		"5BD66EF5095369C7-" + span:              "00-00000000000000005bd66ef5095369c7-" + span + "-01",
		"0":                                     refused,
		"1":                                     "",
		"":                                      "",
		trace:                                   "",
		trace[1:] + "-" + span:                  "",
		trace + "-" + span[1:] + "-1":           "",
		trace[1:] + "x-" + span:                 "",
		trace + "-" + span + "-1-" + span + "-": "",
	} {
		if got := FromB3(value); got != want {
			t.Errorf("%q is %q, not %q", value, got, want)
		}
	}
	for _, c := range []struct{ trace, span, sampled, flags, want string }{
		{trace, span, "", "", "00-" + trace + "-" + span + "-01"},
		{trace, span, "false", "", "00-" + trace + "-" + span + "-00"},
		{trace, span, "0", "1", "00-" + trace + "-" + span + "-01"}, // debug
		{"", "", "0", "", refused},
		{"", "", "1", "", ""},
	} {
		if got := FromB3Fields(c.trace, c.span, c.sampled, c.flags); got != c.want {
			t.Errorf("%+v is %q", c, got)
		}
	}
	const parent = "00-" + trace + "-" + span + "-01"
	if back := FromB3(B3(parent)); back != parent {
		t.Errorf("there and back it is %q", back)
	}
	if back := B3("00-" + trace + "-" + span + "-00"); back != trace+"-"+span+"-0" {
		t.Errorf("what is not sampled is %q", back)
	}
}

func TestSW8(t *testing.T) {
	field := func(sampled, trace, segment, span string) string {
		of := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
		return sampled + "-" + of(trace) + "-" + of(segment) + "-" + span + "-" + of("a service") + "-" + of("i@10.0.0.1") + "-" + of("/x") + "-" + of("10.0.0.2:80")
	}
	const java = "56a5e1c519ae4c76a2b8b11d92cead7f"
	for value, want := range map[string]string{
		field("1", java, java, "0"): "00-" + java + "-f41d50d88b60e109-01",
		field("0", java, java, "0"): "00-" + java + "-f41d50d88b60e109-00",
		// The span's number is in the first four bytes, those behind the dots in the next four and the last eight, the lowest first.
		field("1", java+".1.2", java, "3"):                            "00-56a5e1c518ae4c76a0b8b11d92cead7f-f71d50d88b60e109-01",
		field("1", "de5980b8-fce3-4a37-aab9-b4ac3af7eedd", java, "0"): "00-de5980b8fce34a37aab9b4ac3af7eedd-f41d50d88b60e109-01",
		field("2", java, java, "0"):                                   "",
		field("1", "short", java, "0"):                                "",
		field("1", java, "short", "0"):                                "",
		field("1", java, java, "x"):                                   "",
		field("1", java+".a.b", java, "0"):                            "",
		field("1", java, java, "0") + "-more":                         "",
		"1-%-%-0-a-b-c-d":                                             "",
		"":                                                            "",
	} {
		if got := FromSW8(value); got != want {
			t.Errorf("%q is %q, not %q", value, got, want)
		}
	}
}

func FuzzTraceContext(f *testing.F) {
	f.Add(trace + "-" + span + "-1")
	f.Add("1-NTZhNWUxYzUxOWFlNGM3NmEyYjhiMTFkOTJjZWFkN2Y=-NTZhNWUxYzUxOWFlNGM3NmEyYjhiMTFkOTJjZWFkN2Y=-0-YQ==-YQ==-YQ==-YQ==")
	f.Fuzz(func(t *testing.T, value string) {
		for _, got := range []string{FromB3(value), FromSW8(value)} {
			if got == "" {
				continue
			}
			if trace, span, _ := B3Fields(got); len(got) != 55 || !isHex(trace, 32) || !isHex(span, 16) {
				t.Errorf("%q is %q", value, got)
			}
		}
	})
}
