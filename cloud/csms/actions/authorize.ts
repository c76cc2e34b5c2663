// OCPP 2.0.1 C01 EV Driver Authorization.
import { action } from '../action.ts'
import { idTokenInfo } from '../id-tokens.ts'

export const authorize = action('Authorize', async (request) => ({
  idTokenInfo: idTokenInfo(request.idToken),
}))
