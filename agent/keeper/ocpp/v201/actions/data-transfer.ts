// OCPP 2.0.1 P01 DataTransfer. What is ours travels as variables and customData, so no vendor's data is known here.
import { action } from '../action.ts'

export const dataTransfer = action('DataTransfer', async () => ({ status: 'UnknownVendorId' }))
