package rpc

import (
	"net/http"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
)

// grpcTimeout is how long the caller of gRPC waits: a number of at most eight digits, and a unit.
const grpcTimeout = "grpc-timeout"

func parseGRPCTimeout(s string) (d time.Duration, ok bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	unit := map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond}[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if err != nil || unit == 0 {
		return 0, false
	}
	const most = time.Duration(1<<63 - 1)
	if time.Duration(n) > most/unit {
		return most, true
	}
	return time.Duration(n) * unit, true
}

func appendGRPCTimeout(out []byte, ms int64) []byte {
	if ms > 99_999_999 {
		return append(strconv.AppendInt(out, min(ms/1000, 99_999_999), 10), 'S')
	}
	return append(strconv.AppendInt(out, ms, 10), 'm')
}

// The codes that gRPC has for what Heddle has to say itself, or judges servers by.
const (
	grpcUnknown            = 2
	grpcInvalidArgument    = 3
	grpcDeadlineExceeded   = 4
	grpcNotFound           = 5
	grpcAlreadyExists      = 6
	grpcPermissionDenied   = 7
	grpcResourceExhausted  = 8
	grpcFailedPrecondition = 9
	grpcAborted            = 10
	grpcOutOfRange         = 11
	grpcUnimplemented      = 12
	grpcInternal           = 13
	grpcUnavailable        = 14
	grpcDataLoss           = 15
	grpcUnauthenticated    = 16
)

// grpcCode is what a status is in gRPC.
func grpcCode(status int) int {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return grpcUnavailable
	case http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return grpcDeadlineExceeded
	case http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge, http.StatusRequestEntityTooLarge:
		return grpcResourceExhausted
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return grpcUnimplemented
	case http.StatusForbidden:
		return grpcPermissionDenied
	case http.StatusUnauthorized:
		return grpcUnauthenticated
	case http.StatusBadRequest, http.StatusInternalServerError:
		return grpcInternal
	}
	return grpcUnknown
}

// httpOfGRPC is the status of HTTP that is nearest to a code of gRPC, as its gateway to HTTP has it.
func httpOfGRPC(code int) int {
	switch code {
	case grpcUnavailable:
		return http.StatusServiceUnavailable
	case grpcDeadlineExceeded:
		return http.StatusGatewayTimeout
	case grpcResourceExhausted:
		return http.StatusTooManyRequests
	case grpcUnimplemented:
		return http.StatusNotImplemented
	case grpcPermissionDenied:
		return http.StatusForbidden
	case grpcUnauthenticated:
		return http.StatusUnauthorized
	case grpcInvalidArgument, grpcFailedPrecondition, grpcOutOfRange:
		return http.StatusBadRequest
	case grpcNotFound:
		return http.StatusNotFound
	case grpcAlreadyExists, grpcAborted:
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// grpcCodeOf is the code by which an answer with these fields ends. One without a code, or with none that is, a client takes for UNKNOWN.
func grpcCodeOf(fields []http2.Field) int {
	code := grpcUnknown
	for i := range fields {
		if fields[i].Name != "grpc-status" {
			continue
		}
		if n, err := strconv.Atoi(fields[i].Value); err == nil && n >= 0 && n <= 16 {
			code = n
		} else {
			code = grpcUnknown
		}
	}
	return code
}

// grpcFails says whether a code speaks against the server, as those do that are 500 and above in HTTP. UNIMPLEMENTED (501) does not: whoever asks for a method that there is not,
// as clients do to find out what there is, would have servers be passed over.
func grpcFails(code int) bool {
	switch code {
	case grpcUnknown, grpcDeadlineExceeded, grpcInternal, grpcUnavailable, grpcDataLoss:
		return true
	}
	return false
}

// judge says what an answer of that status is to the server that gave it, and what is wrong with it. code is gRPC's; 0: OK, or the answer has none.
func judge(status, code int) (o breaker.Outcome, why string) {
	switch {
	case status >= http.StatusInternalServerError:
		return breaker.Failed, statusText(status, 0)
	case status == http.StatusOK && grpcFails(code):
		return breaker.Failed, statusText(status, code)
	}
	return breaker.Good, ""
}

// statusText names what a server answered. code is gRPC's; 0: OK, or there is none.
func statusText(status, code int) string {
	if status != http.StatusOK || code == 0 {
		return "status " + strconv.Itoa(status)
	}
	return "status " + strconv.Itoa(code) + " of gRPC"
}

// grpcMessage writes a text as grpc-message has it: percent-encoded.
func grpcMessage(text string) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := text[i]; c >= ' ' && c <= '~' && c != '%' {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}
