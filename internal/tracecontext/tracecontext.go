// Package tracecontext turns what callers say of the trace that they are in into one form, W3C's traceparent, and back: B3 of Zipkin, in one field or
// in several, and sw8 of SkyWalking.
// Level: internal, without other packages of the project.
package tracecontext

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// refused is the traceparent of a caller that wants no trace, and says nothing else.
const refused = "00-00000000000000000000000000000001-0000000000000001-00"

// FromB3 reads the field b3, TRACE-SPAN-SAMPLED-PARENT, of which the last two may be missing: a caller that leaves it open is sampled. "": it is none.
func FromB3(value string) (traceparent string) {
	parts := strings.Split(value, "-")
	switch {
	case value == "0":
		return refused
	case len(parts) < 2 || len(parts) > 4:
		return ""
	}
	return FromB3Fields(parts[0], parts[1], at(parts, 2), "")
}

// FromB3Fields reads the fields x-b3-traceid, x-b3-spanid, x-b3-sampled and x-b3-flags; those that are missing are empty. "": they are none.
func FromB3Fields(trace, span, sampled, flags string) (traceparent string) {
	if trace == "" && sampled == "0" {
		return refused
	}
	if len(trace) == 16 { // of 64 bits
		trace = "0000000000000000" + trace
	}
	if !isHex(trace, 32) || !isHex(span, 16) {
		return ""
	}
	on := "-01"
	if (sampled == "0" || sampled == "false") && flags != "1" {
		on = "-00"
	}
	return "00-" + strings.ToLower(trace) + "-" + strings.ToLower(span) + on
}

// FromSW8 reads the field sw8, SAMPLE-TRACE-SEGMENT-SPAN-SERVICE-INSTANCE-ENDPOINT-ADDRESS, names in base64. SkyWalking's names are longer than ours:
// they become what OpenTelemetry's collector makes of them when SkyWalking's agents report to it, so that one collector has one trace. "": it is none.
func FromSW8(value string) (traceparent string) {
	parts := strings.Split(value, "-")
	if len(parts) != 8 || parts[0] != "0" && parts[0] != "1" {
		return ""
	}
	trace, err1 := base64.StdEncoding.DecodeString(parts[1])
	segment, err2 := base64.StdEncoding.DecodeString(parts[2])
	span, err3 := strconv.ParseUint(parts[3], 10, 31)
	if err1 != nil || err2 != nil || err3 != nil {
		return ""
	}
	id, ok1 := fold(strings.ReplaceAll(string(trace), "-", ""), 0)
	below, ok2 := fold(strings.ReplaceAll(string(segment), "-", ""), uint32(span))
	if !ok1 || !ok2 {
		return ""
	}
	var short [8]byte
	for i := range short {
		short[i] = below[i] ^ below[8+i]
	}
	return "00-" + hex.EncodeToString(id[:]) + "-" + hex.EncodeToString(short[:]) + "-0" + parts[0]
}

// fold makes 128 bits of 32 hexadecimal digits, which may be followed by .NUMBER.NUMBER, and of another number.
func fold(name string, more uint32) (id [16]byte, ok bool) {
	head, tail, dotted := strings.Cut(name, ".")
	if len(head) != 32 {
		return id, false
	}
	if _, err := hex.Decode(id[:], []byte(head)); err != nil {
		return id, false
	}
	xor(id[:4], uint64(more))
	if dotted {
		middle, last, _ := strings.Cut(tail, ".")
		m, err1 := strconv.ParseUint(middle, 10, 63)
		l, err2 := strconv.ParseUint(last, 10, 63)
		if err1 != nil || err2 != nil {
			return id, false
		}
		xor(id[4:8], m)
		xor(id[8:], l)
	}
	return id, id != [16]byte{}
}

// xor is of a number's bytes, the lowest first.
func xor(b []byte, n uint64) {
	for i := range b {
		b[i] ^= byte(n)
		n >>= 8
	}
}

// B3 is a traceparent of version 00 as the field b3.
func B3(traceparent string) string {
	trace, span, sampled := B3Fields(traceparent)
	return trace + "-" + span + "-" + sampled
}

// B3Fields is a traceparent of version 00 as the fields x-b3-traceid, x-b3-spanid and x-b3-sampled.
func B3Fields(traceparent string) (trace, span, sampled string) {
	return traceparent[3:35], traceparent[36:52], traceparent[54:55]
}

func at(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return ""
}

func isHex(text string, length int) bool {
	if len(text) != length {
		return false
	}
	for i := range text {
		if c := text[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}
