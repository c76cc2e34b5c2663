// A station's transactions; each opens to its bill with the reason of every line.
import { Accordion } from '@mantine/core'
import type { ApiBillLine, TransactionView } from '../../shared/api/transactions.ts'
import { sentence } from '../../shared/words.ts'
import type { Formats } from './format.ts'
import { spanInWords, stopInWords } from './station-words.ts'

interface Props {
  readonly transactions: readonly TransactionView[]
  readonly opened: string | null
  readonly onOpen: (transactionId: string | null) => void
  readonly now: number
  readonly formats: Formats
}

export function Transactions({ transactions, opened, onOpen, now, formats }: Props) {
  if (transactions.length === 0) {
    return (
      <p className="quiet">
        No transaction yet. One begins when a car is plugged in and the station releases the charge.
      </p>
    )
  }
  return (
    <Accordion variant="separated" value={opened} onChange={onOpen} order={4} transitionDuration={0}>
      {transactions.map((transaction) => (
        <Accordion.Item key={transaction.transactionId} value={transaction.transactionId}>
          <Accordion.Control>
            <Headline transaction={transaction} now={now} formats={formats} />
          </Accordion.Control>
          <Accordion.Panel>
            {transaction.transactionId === opened && <Detail transaction={transaction} formats={formats} />}
          </Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  )
}

interface OneProps {
  readonly transaction: TransactionView
  readonly formats: Formats
}

function Headline({ transaction, now, formats }: OneProps & { readonly now: number }) {
  const { startedAt, endedAt, energyWh, bill } = transaction
  return (
    <span className="headline">
      <span>
        {formats.dateAndClock(startedAt)}
        {endedAt === null ? '' : ` – ${formats.clock(endedAt)}`}{' '}
        <span className="quiet span">({spanInWords((endedAt ?? now) - startedAt)})</span>
      </span>
      <span className="figure">{energyWh === null ? 'energy not known' : formats.wattHours(energyWh)}</span>
      <span className="amount">
        {bill.kind === 'billed' && formats.money(bill.amountMinor, bill.currency)}
        {bill.kind === 'running' && (transaction.state === 'running' ? 'running' : 'is being billed')}
        {bill.kind === 'notBilled' && <span className="bad">not billed</span>}
      </span>
    </span>
  )
}

function Detail({ transaction, formats }: OneProps) {
  const { bill } = transaction
  return (
    <>
      {bill.kind === 'billed' && (
        <ol className="bill">
          {bill.lines.map((line) => (
            <BillLine key={line.number} line={line} currency={bill.currency} formats={formats} />
          ))}
          <li className="bill-total">
            <span>Total, tariff {bill.tariffId}</span>
            <span>{formats.wattHours(bill.quantityWh)}</span>
            <span className="amount">{formats.money(bill.amountMinor, bill.currency)}</span>
          </li>
        </ol>
      )}
      {bill.kind === 'notBilled' && <p className="bad">{sentence(bill.reason, 'en')}</p>}
      {bill.kind === 'running' && <p>The bill is made when the transaction has ended.</p>}
      <dl className="facts">
        <Fact name="Register" value={registers(transaction, formats)} />
        <Fact name="Meter" value={transaction.meterSerial} />
        <Fact name="Token" value={transaction.idToken} />
        <Fact
          name="Ended because"
          value={transaction.stoppedReason && stopInWords(transaction.stoppedReason)}
        />
        <Fact name="Transaction" value={transaction.transactionId} />
        <Fact
          name="Events"
          value={
            transaction.missingSeqNos.length === 0
              ? `${transaction.events}, none missing`
              : `${transaction.events}; missing: ${transaction.missingSeqNos.join(', ')}`
          }
        />
        {transaction.timeEstimated && (
          <Fact name="Times" value="estimated: the station's clock was not set" />
        )}
      </dl>
    </>
  )
}

function registers({ startRegisterWh, lastRegisterWh }: TransactionView, formats: Formats): string | null {
  if (startRegisterWh === null || lastRegisterWh === null) return null
  return `${formats.energy(startRegisterWh)} to ${formats.energy(lastRegisterWh)}`
}

function Fact({ name, value }: { readonly name: string; readonly value: string | null }) {
  if (value === null) return null
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function BillLine(props: {
  readonly line: ApiBillLine
  readonly currency: string
  readonly formats: Formats
}) {
  const { line, currency, formats } = props
  return (
    <li>
      <span>
        <strong>{line.band}</strong> {formats.clock(line.from)} – {formats.clock(line.to)}
      </span>
      <span>
        {formats.wattHours(line.quantityWh)} × {formats.price(line.priceNanosPerKwh, currency)}
      </span>
      <span className="amount">{formats.money(line.amountMinor, currency)}</span>
      <span className="reason">
        {sentence(line.reason, 'en')} Register {formats.energy(line.fromRegisterWh)} to{' '}
        {formats.energy(line.toRegisterWh)}.
      </span>
    </li>
  )
}
