// Package bolt reads and writes the frames of SOFA Bolt, versions 1 and 2: their heads, and the map that clients of SOFA put in front of the content. What
// is asked and answered it leaves as it is. It opens no connection and keeps no state. Level: sidecar/rpc.
//
// A frame of version 1 is (all numbers big-endian; the Java library's RpcProtocol and RpcProtocolV2 are the specification):
//
//	protocol 1 · type 1 · command 2 · version 1 · id 4 · codec 1 · timeout 4, or status 2 · lengths of class 2, header 2, content 4 · these three
//
// Version 2 has one byte more behind the protocol, which says by 2 that a checksum may follow, and one of switches behind the codec.
package bolt

// The protocols, which are a frame's first byte.
const (
	V1 = 1
	V2 = 2
)

// The types of frames.
const (
	Answer  = 0
	Request = 1
	Oneway  = 2 // a request that nobody answers
)

// The commands.
const (
	heartbeat = 0
	request   = 1
	answer    = 2
)

// Status is how a request has ended.
type Status uint16

// The statuses that there are (com.alipay.remoting.ResponseStatus).
const (
	Success              Status = 0
	Failed               Status = 1
	ServerException      Status = 2
	Unknown              Status = 3
	Busy                 Status = 4
	CommunicationFailed  Status = 5
	NoProcessor          Status = 6
	Timeout              Status = 7
	SendFailed           Status = 8 // nothing of the request has been done
	CodecException       Status = 9
	ConnectionClosed     Status = 16 // the request may have been carried out
	SerialException      Status = 17
	DeserializeException Status = 18
)
