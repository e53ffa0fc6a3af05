package upstream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// The health protocol of gRPC: a unary call with one field, and one in its answer (grpc.health.v1).
const (
	healthMethod = "/grpc.health.v1.Health/Check"
	serviceTag   = 1<<3 | 2 // the field 1, of bytes
	statusTag    = 1 << 3   // the field 1, a number
	serving      = 1
	longestReply = 1 << 10
)

// askGRPC checks once by gRPC's health protocol. An error says what was wrong.
func (e *Endpoint) askGRPC(ctx context.Context, client *http.Client, k *route.Check) error {
	var message []byte
	if *k.GRPC != "" {
		message = append(binary.AppendUvarint([]byte{serviceTag}, uint64(len(*k.GRPC))), *k.GRPC...)
	}
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))) // not compressed
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.Address+healthMethod, bytes.NewReader(append(body, message...)))
	if err != nil {
		return err
	}
	q.Host = k.Host
	q.Header.Set("Content-Type", "application/grpc")
	q.Header.Set("Te", "trailers")
	q.Header.Set("User-Agent", "heddle")
	res, err := client.Do(q)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %v", k.Timeout)
		}
		return err
	}
	reply, err := io.ReadAll(io.LimitReader(res.Body, longestReply))
	_ = res.Body.Close() // all that matters has come, or the error says that it has not
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %v", k.Timeout)
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("the health of gRPC: status %d", res.StatusCode)
	}
	trailers := res.Trailer
	if len(reply) == 0 && trailers.Get("Grpc-Status") == "" {
		trailers = res.Header // an answer of one head
	}
	if code := trailers.Get("Grpc-Status"); code != "0" {
		return fmt.Errorf("the health of gRPC: code %s %s", code, trailers.Get("Grpc-Message"))
	}
	return readHealth(reply)
}

// readHealth reads the answer's only message.
func readHealth(reply []byte) error {
	if len(reply) < 5 || reply[0] != 0 || uint64(binary.BigEndian.Uint32(reply[1:])) != uint64(len(reply)-5) {
		return errors.New("the health of gRPC: the answer is none")
	}
	// A server that serves says nothing but that: other fields there are none.
	status := uint64(0)
	if p := reply[5:]; len(p) > 0 {
		var n int
		if status, n = binary.Uvarint(p[1:]); p[0] != statusTag || n <= 0 || n != len(p)-1 {
			return errors.New("the health of gRPC: the answer is no message of health")
		}
	}
	if status != serving {
		return fmt.Errorf("the health of gRPC: the status is %d, and not SERVING", status)
	}
	return nil
}
