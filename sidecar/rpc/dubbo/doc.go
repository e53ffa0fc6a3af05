// Package dubbo reads and writes the frames of Dubbo 2: their heads, and of a request's body, in Hessian 2, what is called and the attachments behind the
// arguments. These are passed over, not understood, and are the same bytes whatever is changed beside them. It opens no connection and keeps no state.
// Level: sidecar/rpc.
//
// A frame is (all numbers big-endian; the Java library's ExchangeCodec, DubboCodec and DecodeableRpcInvocation are the specification):
//
//	da bb · flags 1: request 80, wants an answer 40, event 20, serialization 1f · status 1, of an answer · id 8 · length of the body 4 · body
//
// A request's body is the version of Dubbo, the path of the service, its version, the method and the types of its parameters, all of them strings,
// then an argument for each type, and a map of attachments.
package dubbo

// Magic0 is a frame's first byte.
const Magic0, magic1 = 0xda, 0xbb

// The flags.
const (
	isRequest     = 0x80
	wantsAnswer   = 0x40
	isEvent       = 0x20
	serialization = 0x1f
)

// Hessian2 is the serialization that is read here.
const Hessian2 = 2

// Status is how a request has ended.
type Status byte

// The statuses that there are (org.apache.dubbo.remoting.exchange.Response). What a service throws is an answer that is OK.
const (
	OK                  Status = 20
	SerializationError  Status = 25
	ClientTimeout       Status = 30
	ServerTimeout       Status = 31
	ChannelInactive     Status = 35 // the request may have been carried out
	BadRequest          Status = 40
	BadResponse         Status = 50
	ServiceNotFound     Status = 60
	ServiceError        Status = 70
	ServerError         Status = 80
	ClientError         Status = 90
	ThreadpoolExhausted Status = 100
)
