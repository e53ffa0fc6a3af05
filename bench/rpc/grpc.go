package main

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// grpcBytes is how much a call carries each way.
const grpcBytes = 100

// streams is how many calls are under way on each of n connections: one connection shows what a hop adds, several what it costs.
func streams(n int) int {
	if n == 1 {
		return 1
	}
	return 8
}

// grpcOrigin sends back what it gets.
type grpcOrigin struct {
	testgrpc.UnimplementedTestServiceServer
}

func (grpcOrigin) UnaryCall(_ context.Context, q *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	return &testgrpc.SimpleResponse{Payload: q.Payload}, nil
}

func serveGRPC(listen, _ string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(s, grpcOrigin{})
	return s.Serve(l)
}

// grpcClients are those of n connections.
func grpcClients(addr string, n int) (all []*client, err error) {
	call := &testgrpc.SimpleRequest{Payload: &testgrpc.Payload{Body: make([]byte, grpcBytes)}}
	for range n {
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return all, fmt.Errorf("connect: %w", err)
		}
		c := testgrpc.NewTestServiceClient(conn)
		for range streams(n) {
			all = append(all, &client{part: conn.Close, ask: func() error {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				answer, err := c.UnaryCall(ctx, call)
				if err == nil && len(answer.GetPayload().GetBody()) != grpcBytes {
					err = fmt.Errorf("the answer has %d bytes", len(answer.GetPayload().GetBody()))
				}
				return err
			}})
		}
	}
	return all, nil
}
