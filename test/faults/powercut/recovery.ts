// The program under the shim that only recovers: opens the store of a folder and closes it.
// Usage: recovery.ts FOLDER
import { openStore } from '../../../agent/keeper/store/core.ts'
import { placesIn } from './places.ts'

openStore(placesIn(process.argv[2] ?? '')).close()
