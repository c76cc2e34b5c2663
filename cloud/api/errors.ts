// Every refusal of the API has one shape: what was wrong, what was expected, what came, what to do.
import type { ApiError } from '../../shared/api/common.ts'

/** Thrown by a route; becomes the answer's status and body. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure'
  readonly status: number
  readonly body: ApiError
  constructor(status: number, body: ApiError) {
    super(body.message)
    this.status = status
    this.body = body
  }
}

export const noSuchStation = (id: string) =>
  new ApiFailure(404, {
    code: 'NO_SUCH_STATION',
    message: `There is no station ${id}.`,
    expected: 'the id of a station of GET /api/stations',
    got: id,
    do: 'Check the id, or make the station known with POST /api/stations.',
  })

export const noSuchTransaction = (stationId: string, transactionId: string) =>
  new ApiFailure(404, {
    code: 'NO_SUCH_TRANSACTION',
    message: `Station ${stationId} has told of no transaction ${transactionId}.`,
    expected: 'a transaction of GET /api/transactions',
    got: transactionId,
    do: 'Check the id. A station that was offline may still bring it.',
  })

export const stationExists = (id: string) =>
  new ApiFailure(409, {
    code: 'STATION_EXISTS',
    message: `There is a station ${id} already; its key was not changed.`,
    expected: 'an id that is not in use',
    got: id,
    do: 'Choose another id, or go on with the key that the station has.',
  })
