// Where the energy of each meter's register went: the sum must be the register's difference, to the Wh.
import type { EnergyCheck } from '../../shared/api/stations.ts'
import type { Formats } from './format.ts'
import { Icon } from './icons.tsx'

export function EnergyChecks({
  meters,
  formats,
}: {
  readonly meters: readonly EnergyCheck[]
  readonly formats: Formats
}) {
  if (meters.length === 0) {
    return <p className="quiet">No register has been read yet. The sum begins with the first reading.</p>
  }
  return meters.map((meter) => (
    <MeterCheck key={`${meter.evseId} ${meter.meterSerial}`} meter={meter} formats={formats} />
  ))
}

function MeterCheck({ meter, formats }: { readonly meter: EnergyCheck; readonly formats: Formats }) {
  const right = meter.differenceWh === 0
  const parts = [
    ['billed', meter.billedWh, true],
    ['running', meter.runningWh, meter.runningWh !== 0],
    ['not billed', meter.notBilledWh, meter.notBilledWh !== 0],
    ['unattributed', meter.unattributedWh, true],
  ] as const
  return (
    <div className="check" data-right={right}>
      <p className="check-sum">
        {parts
          .filter(([, , shown]) => shown)
          .map(([name, wattHours], index) => (
            <span key={name}>
              {index > 0 && <span className="sign"> + </span>}
              {name} {formats.wattHours(wattHours)}
            </span>
          ))}
        <span>
          <span className="sign"> − </span>register difference {formats.wattHours(meter.registerDifferenceWh)}
        </span>
        <strong className="check-verdict">
          = {formats.wattHours(meter.differenceWh)} <Icon name={right ? 'tick' : 'cross'} size={16} />{' '}
          {right ? 'every Wh is accounted for' : 'energy is missing or counted twice'}
        </strong>
      </p>
      <p className="quiet">
        Meter {meter.meterSerial ?? 'without a serial number'}: register{' '}
        {formats.energy(meter.registerFirstWh)} on {formats.dateAndClock(meter.registerFirstAt)},{' '}
        {formats.energy(meter.registerLastWh)} on {formats.dateAndClock(meter.registerLastAt)}.
      </p>
    </div>
  )
}
