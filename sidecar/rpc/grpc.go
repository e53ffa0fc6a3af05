package rpc

import (
	"net/http"
	"strconv"
	"time"
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

// The codes that gRPC has for what Heddle has to say itself.
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
