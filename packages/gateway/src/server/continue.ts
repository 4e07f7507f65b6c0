import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/**
 * Whoever asks first (`Expect: 100-continue`, RFC 9110, section 10.1.1) is told to send the body when somebody begins to read it:
 * by then the guard has let the request pass. Refused, they hear of it with nothing sent.
 * @param onRead from now on a body is waited for
 */
export function continueWhenRead (handler: RequestListener, onRead: RequestListener): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const read = request._read.bind(request)
    const isHttp1 = request.httpVersionMajor === 1
    // Unless the body is asked for, nobody can tell whether what follows is that or the next request.
    if (isHttp1) response.setHeader('connection', 'close')
    request._read = size => {
      request._read = read
      if (!response.headersSent) {
        if (isHttp1) response.removeHeader('connection')
        // What has come without waiting needs no invitation.
        if (request.readableLength === 0) response.writeContinue()
        onRead(request, response)
      }
      read(size)
    }
    handler(request, response)
  }
}
